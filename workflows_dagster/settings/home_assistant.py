"""The part of config.yaml about Home Assistant's power and events."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from workflows_dagster.domain.device_steps import TEACHING_DAYS
from workflows_dagster.domain.event_levels import DOMAINS
from workflows_dagster.settings.addresses import Url
from workflows_dagster.settings.fields import Frozen, Text, Whole


class HomeAssistantSettings(Frozen):
    """Home Assistant, as the source of power and events.

    Attributes:
        url: Its address, such as http://homeassistant.local:8123; null leaves all of this off.
        power_entity: Sensor of the whole house's power, with its domain; null takes the one that the live page follows.
        keep_days: How long power and events are kept; results are kept for ever. A day can be recomputed for 14 days
            less. [d]
        event_domains: Domains whose events are compared with the power.
    """

    url: Url | None = None
    power_entity: Text | None = None
    keep_days: Annotated[Whole, Field(gt=TEACHING_DAYS + 1)] = 92
    event_domains: tuple[Text, ...] = DOMAINS

"""Learns each device's step from its events of the days before, day by day (methods.md#what-a-switch-costs).

What a day teaches depends on that day and the two hours before it alone, so it can be kept and used for all of the 14
days that learn from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflows_dagster.domain.days import microsecond
from workflows_dagster.domain.device_steps import DeviceStep, learn_devices
from workflows_dagster.domain.event_attribution import (
    ALL_RULES,
    CONCURRENT,
    FAR_APART,
    MARGIN,
    NO_CHANGE,
    NOT_LEARNT,
    AttributionRules,
    Streams,
    acting_events,
    judge_alone,
    judged_at,
)


@dataclass(frozen=True)
class TaughtDay:
    """What the events of one day teach, each judged by itself and without knowing its device.

    Attributes:
        entities: Entity of each event, shape (n,).
        changes: Change of its level. [1], shape (n,)
        steps: Step of the power. [W], shape (n,)
        judged: Events whose surroundings allowed a judgement, shape (n,).
        accepted: Events whose step is steady, large enough and of the right sign, shape (n,).
    """

    entities: np.ndarray
    changes: np.ndarray
    steps: np.ndarray
    judged: np.ndarray
    accepted: np.ndarray


def teach(
    streams: Streams, opening: pd.Timestamp, closing: pd.Timestamp, rules: AttributionRules = ALL_RULES
) -> TaughtDay:
    """Give what the events of one day teach; those whose judgement was not final when it closed are left out.

    Args:
        streams: Events and power from `MARGIN` before the day to its end; more does no harm.
        opening: Instant at which the day opens, UTC.
        closing: Instant at which it ends, UTC.
        rules: Rules in force.
    """
    past = streams.between(opening - MARGIN, closing)
    levels, steps, method = judge_alone(past, {}, rules)
    final = judged_at(past, levels, acting_events(past, {}, rules)) <= microsecond(closing)
    mine = (past.instants >= microsecond(opening)) & final
    judged = ~np.isin(method, (NO_CHANGE, FAR_APART, CONCURRENT))
    entities = past.events["entity_id"].to_numpy()
    return TaughtDay(
        entities[mine], past.changes[mine], steps[mine], judged[mine], np.asarray(method == NOT_LEARNT)[mine]
    )


def learn(taught: Sequence[TaughtDay]) -> Mapping[str, DeviceStep]:
    """Learn the devices' steps from the days before a day, in order of time."""
    if not taught:
        return {}
    return learn_devices(
        *(
            np.concatenate([getattr(day, name) for day in taught])
            for name in ("entities", "changes", "steps", "judged", "accepted")
        )
    )

"""Parses the meter and the moment for the commands about single readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd

    from workflows_dagster.settings.load import Settings
    from workflows_dagster.settings.meters import PhysicalMeter


def physical_meter(settings: Settings, meter_id: str) -> PhysicalMeter:
    """Give a physical meter by its id.

    Raises:
        click.BadParameter: There is no such meter, or it is derived from others.
    """
    from workflows_dagster.cli.parameters import known_meter
    from workflows_dagster.clients.spreadsheets.verdicts import Remark
    from workflows_dagster.settings.meters import MasterMeter, PhysicalMeter
    from workflows_dagster.wording import words_of
    from workflows_dagster.wording.spreadsheets import remark_text

    meter = settings.meters[known_meter(settings, meter_id)]
    if isinstance(meter, PhysicalMeter):
        return meter
    figures = {"meter": meter_id, "source": meter.upstream[0]}
    remark = Remark("master_meter" if isinstance(meter, MasterMeter) else "virtual_meter", figures)
    raise click.BadParameter(f"{remark_text(remark, words_of(settings.site))}.")


def moment(settings: Settings, text: str, now: pd.Timestamp) -> pd.Timestamp:
    """Parse a moment as a person writes it.

    Raises:
        click.BadParameter: It is not a moment, or lies in the future.
    """
    from workflows_dagster.services.reading_entry import WrongMomentError, moment_of
    from workflows_dagster.wording import words_of
    from workflows_dagster.wording.spreadsheets import remark_text

    try:
        return moment_of(text, settings, now)
    except WrongMomentError as error:
        raise click.BadParameter(f"{remark_text(error.remark, words_of(settings.site))}.") from None

"""A house for notebooks and programs: consumption, explanations and findings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import TracebackType

import pandas as pd

from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluated
from workflows_dagster.evaluation.explanation import Explainer, Explanation
from workflows_dagster.services.consumption import analyse, stored_consumption, stored_days
from workflows_dagster.services.findings import HouseFindings, house_findings
from workflows_dagster.services.meters import require_meter
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.open import store_of
from workflows_dagster.stores.ports import Store


class House:
    """A house: its configuration and its store, read-only.

    A period is a day, month or year as text (`2024-12-31`, `2024-12`, `2024`).

    Attributes:
        settings: The configuration.
        store: Readings and results.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        """Make a house from loaded settings and an open store; usually called by `House.open`."""
        self.settings, self.store = settings, store

    @classmethod
    def open(cls, config_dir: Path | str | None = None, environ: Mapping[str, str] = os.environ) -> House:
        """Read the configuration and open the store that it names.

        Args:
            config_dir: Folder of the configuration; by default as for `meters` (METERS_CONFIG_DIR).
            environ: Environment variables.

        Raises:
            SettingsError: The configuration cannot be used.
        """
        settings = load(Path(config_dir) if config_dir is not None else None, environ)
        return cls(settings, store_of(settings))

    def close(self) -> None:
        """Close the store's files and connections; the store opens them again when used."""
        self.store.close()

    def __enter__(self) -> House:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def meters(self) -> list[str]:
        """The ids of all meters, in the order of meters.yaml."""
        return [meter.meter_id for meter in self.settings.meters]

    def days(self, meter_id: str, period: str | None = None) -> pd.DataFrame:
        """Read a meter's stored days.

        Args:
            meter_id: The meter.
            period: Which days; None for all.

        Returns:
            Index `day`: the instant at which each day opens, in the house's time zone. Columns:
            `opening`, `closing`: register when the day opens and closes, NaN for virtual meters [unit];
            `consumption`: what flowed between them, NaN where it is missing [unit];
            `quality`: measured, interpolated, extrapolated or missing;
            `estimated_share`: part of the consumption that is estimated, 0..1 [1];
            `residual`: of virtual meters, main meter minus sub-meters with its sign, else NaN [unit];
            `unit`: the meter's unit, such as kWh or m³.

        Raises:
            UnknownMeterError: There is no such meter.
            ValueError: `period` is no day, month or year.
            StoreError: The store cannot be read.
        """
        frame = stored_days(self.settings, self.store, self._known(meter_id), *_first_and_last(period))
        frame.index = pd.DatetimeIndex(frame.index).tz_convert(self.settings.site.zone).rename("day")
        return frame

    def months(self, meter_id: str, period: str | None = None) -> pd.DataFrame:
        """Add up a meter's stored days by calendar month.

        Args:
            meter_id: The meter.
            period: Which days; None for all.

        Returns:
            Index `month`, `PeriodIndex` of months. Columns as of `days`, without `residual`: the register of the first
            opening and of the last closing, the sum of the consumption, the worst quality, the estimated share weighted
            by consumption, and the unit.

        Raises:
            UnknownMeterError: There is no such meter.
            ValueError: `period` is no day, month or year.
            StoreError: The store cannot be read.
        """
        first, last = _first_and_last(period)
        frame = stored_consumption(self.settings, self.store, self._known(meter_id), first, last, "month")
        return frame.set_index(pd.PeriodIndex([str(month) for month in frame.index], freq="M", name="month"))

    def analyse(self, meter_id: str, period: str) -> Evaluated:
        """Compute a meter's days from the raw readings, without storing them.

        Args:
            meter_id: The meter.
            period: Which days; they must be over.

        Returns:
            `days`: index their openings, UTC, columns as of `days`, equal to what a backfill stores to the last bit;
            `findings`: the findings about them.

        Raises:
            UnknownMeterError: There is no such meter.
            ValueError: `period` is no day, month or year.
            StoreError: The store cannot be read.
        """
        asked = CivilPeriod.parse(period)
        return analyse(self.settings, self.store, self._known(meter_id), DayRange(asked.first, asked.last))

    def explain(self, meter_id: str, period: str) -> Explanation:
        """Explain a meter's number by its arithmetic.

        Args:
            meter_id: The meter.
            period: The period.

        Raises:
            UnknownMeterError: There is no such meter.
            NothingToExplainError: The period lies in the future, or before the days begin.
            ValueError: `period` is no day, month or year.
            StoreError: The store cannot be read.
        """
        asked = CivilPeriod.parse(period)
        return Explainer(self.settings, self.store, pd.Timestamp.now("UTC")).explain(self._known(meter_id), asked)

    def findings(self) -> HouseFindings:
        """Read the findings of the last three months, and count the others.

        Raises:
            StoreError: The store cannot be read.
        """
        return house_findings(self.settings, self.store, pd.Timestamp.now("UTC"))

    def _known(self, meter_id: str) -> str:
        return require_meter(self.settings.meters, meter_id).meter_id


def _first_and_last(period: str | None) -> tuple[date, date] | tuple[None, None]:
    if period is None:
        return None, None
    asked = CivilPeriod.parse(period)
    return asked.first, asked.last

"""Reviews meters over a range of days and stores the findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.findings import Finding
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.costs import Costing
from workflows_dagster.evaluation.findings.by_month import month_findings
from workflows_dagster.evaluation.findings.contained import would_pay
from workflows_dagster.evaluation.findings.current import present_findings
from workflows_dagster.evaluation.findings.evenly_priced import priced_evenly
from workflows_dagster.evaluation.findings.stored_days import BESIDE, StoredDays
from workflows_dagster.evaluation.hour_prices import billing_differences
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter, VirtualMeter
from workflows_dagster.stores.ports import FINDING_MONTHLY, FINDING_NOW, Store
from workflows_dagster.wording.findings import finding_writer

_WORST_DAYS = 10
_BESIDE = BESIDE.to_pytimedelta()


@dataclass(frozen=True)
class Reviewed:
    """The findings about one meter.

    Attributes:
        meter_id: The meter.
        of_days: Findings that begin on the days asked for, stored when these were computed.
        of_months: Findings about their months.
        at_present: Findings about the present state.
        worst_days: Most negative residuals of a virtual meter on the days asked for, lowest first, by opening (UTC).
            [meter unit]
    """

    meter_id: str
    of_days: tuple[Finding, ...] = ()
    of_months: tuple[Finding, ...] = ()
    at_present: tuple[Finding, ...] = ()
    worst_days: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings."""
        return (*self.at_present, *self.of_days, *self.of_months)


class Review:
    """Reviews the meters of one house.

    Findings about readings are stored when the days are computed. The review adds and stores the findings that need
    whole months or the present.

    Args:
        settings: The house.
        store: Its readings and days.
        now: The present, UTC.
    """

    def __init__(self, settings: Settings, store: Store, now: pd.Timestamp) -> None:
        # Rounded to the hour, so that a second review changes nothing.
        self._settings, self._store, self._now = settings, store, now.floor("h").as_unit("us")
        self._evaluation = Evaluation(settings, store, hold=True)
        self._costing = Costing(settings, store)

    def of(self, meter_ids: Sequence[str], asked: DayRange) -> Iterator[Reviewed]:
        """Review meters over days and the months that these lie in, virtual meters over the months around them too.

        Raises:
            StoreError: The store cannot be read or written.
        """
        zone = self._settings.site.zone
        start, end = asked.bounds(zone)
        stored = StoredDays(self._settings, self._store, asked)
        # Whether a negative residual evens out is judged by three months on either side.
        around = StoredDays(self._settings, self._store, DayRange(asked.first - _BESIDE, asked.last + _BESIDE))
        write = finding_writer(self._settings)
        for meter_id in meter_ids:
            meter = self._settings.meters[meter_id]
            months = around if isinstance(meter, VirtualMeter) else stored
            of_months = month_findings(meter, months, self._evaluation, self._settings)
            if meter_id == self._settings.site.tibber.meter_id and self._settings.tariffs.has_hourly_prices:
                of_months += billing_differences(self._settings, self._store, months.start, months.end)
            of_months += priced_evenly(self._costing, meter, stored)
            keep_findings(self._store, FINDING_MONTHLY, meter_id, months.start, months.end, of_months, write)
            of_months = [finding for finding in of_months if stored.start <= finding.start < stored.end]
            at_present: list[Finding] = []
            if isinstance(meter, PhysicalMeter):
                at_present = present_findings(meter, self._evaluation, self._now, zone)
                at_present += would_pay(self._settings, meter, self._evaluation, self._now)
                keep_findings(self._store, FINDING_NOW, meter_id, *days.REPRESENTABLE, at_present, write)
            of_days = tuple(finding for finding in stored.found(meter_id) if start <= finding.start < end)
            worst = pd.Series(dtype=float)
            if isinstance(meter, VirtualMeter):
                residual = stored.within(meter_id)["residual"]
                inside = residual[(residual.index >= start) & (residual.index < end)]
                worst = inside[inside < 0].nsmallest(_WORST_DAYS)
            yield Reviewed(meter_id, of_days, tuple(of_months), tuple(at_present), worst)

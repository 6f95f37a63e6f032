"""Reports findings as asset checks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.findings import Finding
from workflows_dagster.evaluation.findings import Review, Reviewed
from workflows_dagster.pipeline.partitions import REVIEWED_FIRST, REVIEWED_LAST, day_range
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.repair.due import CHECKS, MadeFrom
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter
from workflows_dagster.wording.findings import finding_writer
from workflows_dagster.wording.tables import table_word
from workflows_dagster.wording.words import marked, words_of

_ROWS = 20


@dataclass(frozen=True)
class Check:
    """One check of a kind of meter.

    Attributes:
        name: Its name on the page.
        question: The question that it answers, for a house owner.
        good: The answer if there are no findings.
        codes: Codes of its findings.
    """

    name: str
    question: str
    good: str
    codes: frozenset[str]


CONSERVATION = Check(
    "conservation",
    marked("Do the days add up? A promise of ours: a failure is a fault of this program, not of the house."),
    marked("All days add up."),
    frozenset({"not_conserved"}),
)
READINGS = Check(
    "readings",
    marked("Are the readings good? Glitches are left out, and falls of the counter that nobody declared are named."),
    marked("All readings could be used."),
    frozenset(
        {
            "glitch_dropped",
            "undeclared_reset",
            "counter_restarts",
            "counter_turns_back",
            "decimals_lost",
            "rollover",
            "unconfirmed_fall",
            "reading_not_a_number",
            "reading_out_of_time",
            "reading_ahead",
            "negative_interval",
            "interval_length",
            "register_as_intervals",
            "implausible_rate",
            "unit_changed",
            "like_exceeds",
        }
    ),
)
PUNCTUALITY = Check(
    "punctuality",
    marked(
        "Is the meter read as often as it should be? "
        "A silence counts only where something was, or should have been, used."
    ),
    marked("Readings come as they should."),
    frozenset(
        {
            "reading_late",
            "hours_missing",
            "reading_overdue",
            "no_readings",
            "extrapolated_long",
            "estimated_backwards",
            "like_would_pay",
            "level_changed",
        }
    ),
)
CLAIMS = Check(
    "claims",
    marked("Does a period of this meter claim all that its devices counted?"),
    marked("Every device's consumption belongs to a period."),
    frozenset({"unclaimed_consumption"}),
)
RESIDUAL = Check(
    "residual",
    marked("Do the sub-meters count no more than their main meter? Where they do on some days, does it even out?"),
    marked("The sub-meters never counted more than their main meter."),
    frozenset({"residual_clipped", "residual_negative"}),
)


def checks_of(meter: Meter) -> tuple[Check, ...]:
    """Give the checks of a meter's kind."""
    if isinstance(meter, PhysicalMeter):
        return (CONSERVATION, READINGS, PUNCTUALITY)
    return (CONSERVATION, CLAIMS if isinstance(meter, MasterMeter) else RESIDUAL)


def meter_checks(settings: Settings) -> dg.AssetChecksDefinition:
    """Build the checks of all meters as one step, because a step each would take longer than the checks themselves."""
    words = words_of(settings.site)
    specs = [
        dg.AssetCheckSpec(check.name, asset=dg.AssetKey(meter.meter_id), description=words.say(check.question))
        for meter in settings.meters.in_order()
        for check in checks_of(meter)
    ]

    @dg.multi_asset_check(
        name="meter_checks",
        specs=specs,
        can_subset=True,
        description="Reviews the days, the months that they lie in, and how each meter stands at present.",
    )
    def reviewed(context: dg.AssetCheckExecutionContext, store: StoreResource) -> Iterator[dg.AssetCheckResult]:
        selected = context.selected_asset_check_keys
        now = pd.Timestamp.now("UTC")
        asked = _range(context, settings, now)
        chosen = [
            meter.meter_id
            for meter in settings.meters.in_order()
            if any(key.asset_key == dg.AssetKey(meter.meter_id) for key in selected)
        ]
        # After a review of some meters only, the others stay due.
        is_whole = selected == {spec.key for spec in specs}
        made_from = MadeFrom(settings)
        numbers = made_from.now(store.store, CHECKS, asked) if is_whole else None
        for result in Review(settings, store.store, now).of(chosen, asked):
            for check in checks_of(settings.meters[result.meter_id]):
                if dg.AssetCheckKey(dg.AssetKey(result.meter_id), check.name) in selected:
                    yield _result(settings, check, result)
        if numbers is not None:
            made_from.keep(store.store, CHECKS, asked, numbers)

    return reviewed


def _range(context: dg.AssetCheckExecutionContext, settings: Settings, now: pd.Timestamp) -> DayRange:
    """Give the run's days: its partitions, those that its tags name, or all."""
    if context.has_partition_key or context.has_partition_key_range:
        return day_range(context.partition_key_range)
    tags = context.run.tags
    first, last = tags.get(REVIEWED_FIRST), tags.get(REVIEWED_LAST)
    if first and last:
        return DayRange(date.fromisoformat(first), date.fromisoformat(last))
    yesterday = days.civil_day(now, settings.site.zone) - timedelta(days=1)
    return DayRange(settings.first_day, max(settings.first_day, yesterday))


def _result(settings: Settings, check: Check, reviewed: Reviewed) -> dg.AssetCheckResult:
    found = [finding for finding in reviewed.findings if finding.code in check.codes]
    asking = [finding for finding in found if finding.severity != "note"]
    metadata: dict[str, dg.MetadataValue] = {"found": dg.MetadataValue.int(len(asking))}
    if found:
        metadata["findings"] = _table(settings, found)
    if check is RESIDUAL and len(reviewed.worst_days):
        metadata["worst days"] = _worst(settings, reviewed)
    worst = dg.AssetCheckSeverity.ERROR if any(f.severity == "error" for f in found) else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(reviewed.meter_id),
        check_name=check.name,
        passed=not asking,
        severity=worst,
        description=_summary(settings, check, asking or found, noted=not asking),
        metadata=metadata,
    )


def _summary(settings: Settings, check: Check, found: Sequence[Finding], *, noted: bool) -> str:
    words = words_of(settings.site)
    if not found:
        return words.say(check.good)
    newest = max(found, key=lambda finding: finding.start)
    sentence = f"{words.format.days_between(newest.start, newest.end)}: {finding_writer(settings)(newest)}"
    if len(found) > 1:
        more = words.say_count("{number} more is in the table.", "{number} more are in the table.", len(found) - 1)
        sentence = f"{sentence} {more}"
    good = words.say(check.good)
    return words.say("{good} Good to know: {sentence}", good=good, sentence=sentence) if noted else sentence


def _table(settings: Settings, found: Iterable[Finding]) -> dg.MetadataValue:
    """List findings by severity, then by amount."""
    write = finding_writer(settings)
    rank = {"error": 0, "warn": 1, "note": 2}
    ordered = sorted(found, key=lambda finding: (rank[finding.severity], -_amount(finding), finding.start))
    words, write = words_of(settings.site), finding_writer(settings)
    columns = [table_word(name, words) for name in ("when", "how much it matters", "what")]
    rows = [
        (
            words.format.days_between(finding.start, finding.end),
            table_word(finding.severity, words),
            write(finding),
        )
        for finding in ordered[:_ROWS]
    ]
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(zip(columns, row, strict=True))) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(column, "string") for column in columns]),
    )


def _worst(settings: Settings, reviewed: Reviewed) -> dg.MetadataValue:
    """List the days with the most negative residuals."""
    unit = settings.meters[reviewed.meter_id].output_unit
    civil = days.civil_days(pd.DatetimeIndex(reviewed.worst_days.index), settings.site.zone)
    words = words_of(settings.site)
    of_day, column = table_word("day", words), f"{table_word('difference', words)} [{unit}]"
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({of_day: words.format.day(day), column: round(float(residual), 3)})
            for day, residual in zip(civil, reviewed.worst_days, strict=True)
        ],
        schema=dg.TableSchema([dg.TableColumn(of_day, "string"), dg.TableColumn(column, "float")]),
    )


def _amount(finding: Finding) -> float:
    amount = finding.figures.get("amount", finding.figures.get("advance", 0.0))
    return abs(amount) if isinstance(amount, float) else 0.0

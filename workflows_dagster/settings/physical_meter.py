"""Physical meters: the source of their readings, and their counters."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator, model_validator

from workflows_dagster.domain import days
from workflows_dagster.settings.estimates import Estimate, EstimateField
from workflows_dagster.settings.fields import Frozen, Moment, Number, Text, Whole, civil_day
from workflows_dagster.settings.named_meter import NamedMeter
from workflows_dagster.settings.problems import shown
from workflows_dagster.settings.validation import Violation, refusal

_COARSE_UNITS = {"Wh": 1.0, "l": 1.0, "HKV": 1.0}
_FINE = 0.001
_LIST = "[{id: old, until: 2024-03-10T14:00}, {id: new}]"


def _unit_resolution(fields: dict[str, Any]) -> float:
    return _COARSE_UNITS.get(fields["output_unit"], _FINE)


class Renamed(Frozen):
    """An earlier name of an entity.

    Attributes:
        id: Home Assistant's entity without its domain.
        until: When it got its next name: a civil day, from which on that holds, or an instant.
    """

    id: Text
    until: Moment


class Source(Frozen):
    """The source of a meter's raw readings.

    Attributes:
        kind: A cumulative counter (register), one that starts again from zero on purpose (resetting), or consumption of
            each hour, quarter hour or day (interval).
        interval_minutes: Length of an interval; 1440 is a civil day. None infers it from the readings' spacing. [min]
        entity_id: Home Assistant's entity without its domain; None means the meter's id. Of a renamed one a list:
            `[{id: old, until: 2024-03-10T14:00}, {id: new}]`.
        renamed: The earlier names of a renamed entity, as the list under entity_id gives them.
        measurement: InfluxDB measurement; None means the meter's unit.
        field: Field that holds the number; None means the kind's usual one.
        domain: Home Assistant's domain; None accepts any.
        turns_back: Whether the counter turns back while a solar panel feeds in: it counts net, days may be negative.
    """

    kind: Literal["register", "resetting", "interval"] = "register"
    entity_id: Text | None = None
    measurement: Text | None = None
    field: Text | None = None
    domain: Text | None = None
    interval_minutes: Annotated[Whole, Field(ge=1, le=1440)] | None = None
    turns_back: bool = False
    renamed: tuple[Renamed, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _names_in_a_list(cls, written: object) -> object:
        """Take a list of names apart: the last is the entity, the others are its earlier names."""
        if not isinstance(written, dict) or not isinstance(written.get("entity_id"), list):
            return written
        *earlier, last = written["entity_id"] or [None]
        if not isinstance(last, dict) or set(last) != {"id"}:
            raise refusal(Violation("entity_list", {"example": _LIST}))
        return {**written, "entity_id": last["id"], "renamed": earlier}

    @field_validator("renamed")
    @classmethod
    def _one_after_the_other(cls, names: tuple[Renamed, ...], found: ValidationInfo) -> tuple[Renamed, ...]:
        zone = (found.context or {}).get("zone", ZoneInfo("UTC"))
        ends = [days.instant(name.until, zone, end=False) for name in names]
        if any(later <= earlier for earlier, later in pairwise(ends)):
            raise refusal(Violation("entity_list", {"example": _LIST}))
        return tuple(name.model_copy(update={"until": end}) for name, end in zip(names, ends, strict=True))

    @field_validator("interval_minutes")
    @classmethod
    def _only_of_intervals(cls, minutes: int | None, found: ValidationInfo) -> int | None:
        if minutes is not None and found.data.get("kind") != "interval":
            raise refusal(Violation("register_with_intervals"))
        return minutes

    @field_validator("turns_back")
    @classmethod
    def _only_a_register_turns_back(cls, value: bool, found: ValidationInfo) -> bool:
        kind = found.data.get("kind", "register")
        if value and kind != "register":
            raise refusal(Violation("only_registers_turn_back", {"kind": kind}))
        return value

    @field_validator("entity_id")
    @classmethod
    def _no_domain_in_it(cls, value: str | None) -> str | None:
        if value and "." in value:
            domain, _, entity = value.partition(".")
            figures = {"value": shown(value), "entity": entity, "domain": domain}
            raise refusal(Violation("entity_with_domain", figures))
        return value


class PhysicalMeter(NamedMeter):
    """A physical meter.

    Attributes:
        meter_id: Name of the asset and of the tag.
        type: Always `physical`.
        output_unit: Unit of the register, canonical.
        description: What it counts, in the owner's words.
        utility: Its utility; by default derived from unit and name.
        installation_date: First civil day, included, or the exact instant; a date-time at midnight is the civil day,
            one without an offset is local time.
        deinstallation_date: Last civil day, included, or the exact instant, read likewise.
        source: Where its raw readings are.
        initial_reading: Register reading at installation. [output_unit]
        register_digits: Digits before the decimal mark; the register rolls over to zero after them.
        resolution: Smallest step that it shows. [output_unit]
        measured_max_gap_hours: Longest gap between readings whose days count as measured. [h]
        max_extrapolation_days: Longest extrapolation beyond its readings. [d]
        reading_interval_days: Planned interval between readings by hand; None if it reports by itself. [d]
        pattern: Name of its seasonal pattern; None means the pattern of its own name, if there is one.
        estimate: What the days between readings follow: a list of season, weather, even and `like: METER`, the use of
            a meter that this one contains, or, alone, of one that it goes along with; or auto: the season, and for gas
            and heat the weather where outdoor temperatures are known and it misses readings by less.
    """

    type: Literal["physical"] = "physical"
    installation_date: Moment | None = None
    deinstallation_date: Moment | None = None
    source: Source = Source()
    initial_reading: Annotated[Number, Field(ge=0)] | None = None
    register_digits: Annotated[Whole, Field(ge=1, le=12)] | None = None
    resolution: Annotated[Number, Field(gt=0)] = Field(default_factory=_unit_resolution)
    measured_max_gap_hours: Annotated[Number, Field(gt=0)] = 25.0
    max_extrapolation_days: Annotated[Whole, Field(ge=0)] = 400
    reading_interval_days: Annotated[Number, Field(gt=0)] | None = None
    pattern: Text | None = None
    estimate: EstimateField = Estimate()

    @field_validator("deinstallation_date")
    @classmethod
    def _after_installation(cls, end: date | datetime | None, found: ValidationInfo) -> date | datetime | None:
        start = found.data.get("installation_date")
        zone = (found.context or {}).get("zone", ZoneInfo("UTC"))
        if start is not None and end is not None and _is_before(end, start, zone):
            raise refusal(Violation("removed_before_installed", {"end": str(end), "start": str(start)}))
        return end

    @field_validator("register_digits")
    @classmethod
    def _room_for_the_register(cls, digits: int | None, found: ValidationInfo) -> int | None:
        if digits is None:
            return None
        source, initial = found.data.get("source"), found.data.get("initial_reading")
        if source is not None and source.kind == "interval":
            raise refusal(Violation("interval_with_register"))
        if initial is not None and initial >= 10**digits:
            raise refusal(Violation("too_few_digits", {"digits": digits, "reading": f"{initial:g}"}))
        return digits

    @property
    def raw_measurement(self) -> str:
        """Measurement of the raw readings."""
        return self.source.measurement or self.output_unit

    @property
    def raw_entity_id(self) -> str:
        """Tag `entity_id` of the raw readings."""
        return self.source.entity_id or self.meter_id

    @property
    def first_entity_id(self) -> str:
        """Tag `entity_id` that the raw readings had at first."""
        return self.source.renamed[0].id if self.source.renamed else self.raw_entity_id

    @property
    def raw_field(self) -> str:
        """Field of the raw readings."""
        return self.source.field or ("consumption" if self.source.kind == "interval" else "value")

    @property
    def upstream(self) -> tuple[str, ...]:
        """Ids of its sources: none."""
        return ()


def _is_before(end: date | datetime, start: date | datetime, zone: ZoneInfo) -> bool:
    if isinstance(end, datetime) and isinstance(start, datetime):
        return _aware(end, zone) < _aware(start, zone)
    return civil_day(end, zone) < civil_day(start, zone)


def _aware(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)

"""The stand-in's statistics and Energy dashboard, strict in the dialect of its version."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_VALID_ID = re.compile(r"^(?!.+__)(?!_)[\da-z_]+(?<!_):(?!_)[\da-z_]+(?<!_)$")
_HOUR_MS = 3_600_000


class RefusedError(Exception):
    """Home Assistant refuses a command; the code is its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class StandInStatistics:
    """What the stand-in keeps of statistics and of the Energy dashboard.

    Attributes:
        version: Version that it says, and whose dialect it wants.
        statistics: Metadata and sums by id; sums by the hour's start. [ms since 1970]
        prefs: Energy preferences; None before they were saved.
        lag: How many reads of statistics still see what was there before an import.
        messages: Number of received imports.
        sent_hours: Number of received sums.
        on_import: Called before each import, which it may break off.
    """

    version: str = "2024.3.3"
    statistics: dict[str, dict[str, Any]] = field(default_factory=dict)
    prefs: dict[str, Any] | None = None
    lag: int = 0
    messages: int = 0
    sent_hours: int = 0
    on_import: Callable[[], None] | None = None
    _late: list[tuple[int, Callable[[], None]]] = field(default_factory=list)

    @property
    def _dialect(self) -> tuple[int, int]:
        year, month = self.version.split(".")[:2]
        return int(year), int(month)

    def _do_recorder_import_statistics(self, _peer: object, _number: int, fields: dict[str, Any]) -> Any:
        only(fields, {"metadata", "stats"})
        if self.on_import is not None:
            self.on_import()
        described, rows = fields["metadata"], fields["stats"]
        needed = {"has_sum", "name", "source", "statistic_id", "unit_of_measurement"}
        if self._dialect < (2025, 4):
            needed |= {"has_mean"}
        elif self._dialect < (2025, 11):
            needed |= {"mean_type"}
        else:
            needed |= {"mean_type", "unit_class"}
        only(described, needed, "metadata")
        if missing := needed - set(described):
            raise RefusedError("invalid_format", f"required key not provided @ data['metadata']['{min(missing)}']")
        statistic_id = described["statistic_id"]
        if not _VALID_ID.match(statistic_id):
            raise RefusedError("home_assistant_error", "Invalid statistic_id")
        if described["source"] != statistic_id.partition(":")[0]:
            raise RefusedError("home_assistant_error", "Invalid source")
        sums: dict[int, float] = {}
        for row in rows:
            only(row, {"start", "sum", "state", "mean", "min", "max", "last_reset"}, "stats")
            start = datetime.fromisoformat(row["start"])
            if start.tzinfo is None:
                raise RefusedError("home_assistant_error", "Naive timestamp")
            if start.minute or start.second or start.microsecond:
                raise RefusedError("home_assistant_error", "Invalid timestamp")
            if isinstance(row["sum"], bool) or not isinstance(row["sum"], int | float):
                raise RefusedError("invalid_format", "expected float @ data['stats'][0]['sum']")
            sums[round(start.timestamp() * 1000)] = float(row["sum"])
        self.messages += 1
        self.sent_hours += len(rows)

        def store() -> None:
            there = self.statistics.setdefault(statistic_id, {"metadata": {}, "sums": {}})
            there["metadata"] = described
            there["sums"].update(sums)

        self._later(store)

    def _do_recorder_statistics_during_period(self, _peer: object, _number: int, fields: dict[str, Any]) -> Any:
        only(fields, {"start_time", "end_time", "statistic_ids", "period", "units", "types"})
        if fields["period"] != "hour" or fields["types"] != ["sum"]:
            raise RefusedError("invalid_format", "The stand-in knows sums by the hour only.")
        self._settle()
        start, end = instant_of(fields["start_time"]) * 1000, instant_of(fields["end_time"]) * 1000
        found = {}
        for statistic_id in fields["statistic_ids"]:
            sums = self.statistics.get(statistic_id, {}).get("sums", {})
            rows = [{"start": at, "end": at + _HOUR_MS, "sum": sums[at]} for at in sorted(sums) if start <= at < end]
            if rows:
                found[statistic_id] = rows
        return found

    def _do_recorder_list_statistic_ids(self, _peer: object, _number: int, fields: dict[str, Any]) -> Any:
        only(fields, {"statistic_type"})
        return [
            {
                "statistic_id": statistic_id,
                "source": one["metadata"]["source"],
                "name": one["metadata"]["name"],
                "has_sum": True,
                "statistics_unit_of_measurement": one["metadata"]["unit_of_measurement"],
            }
            for statistic_id, one in self.statistics.items()
        ]

    def _do_recorder_clear_statistics(self, _peer: object, _number: int, fields: dict[str, Any]) -> Any:
        only(fields, {"statistic_ids"})
        for statistic_id in fields["statistic_ids"]:
            self.statistics.pop(statistic_id, None)

    def _later(self, store: Callable[[], None]) -> None:
        if self.lag:
            self._late.append((self.lag, store))
        else:
            store()

    def _settle(self) -> None:
        waiting, self._late = self._late, []
        for reads, store in waiting:
            if reads <= 1:
                store()
            else:
                self._late.append((reads - 1, store))

    # The Energy dashboard

    def _do_energy_get_prefs(self, _peer: object, _number: int, fields: dict[str, Any]) -> Any:
        only(fields, set())
        if self.prefs is None:
            raise RefusedError("not_found", "No prefs")
        return self.prefs

    def _do_energy_save_prefs(self, _peer: object, _number: int, fields: dict[str, Any]) -> Any:
        known = {"energy_sources", "device_consumption"}
        only(fields, known | ({"device_consumption_water"} if self._dialect >= (2025, 12) else set()))
        for source in fields.get("energy_sources", []):
            self._check_source(source)
        self.prefs = {"energy_sources": [], "device_consumption": [], **(self.prefs or {}), **fields}
        return self.prefs

    def _check_source(self, source: dict[str, Any]) -> None:
        prices = {"entity_energy_price", "number_energy_price"}
        if source["type"] == "grid" and self._dialect < (2026, 3):
            only(source, {"type", "flow_from", "flow_to", "cost_adjustment_day"}, "energy_sources")
            for flow in source["flow_from"]:
                only(flow, {"stat_energy_from", "stat_cost", *prices}, "flow_from")
            for flow in source["flow_to"]:
                only(flow, {"stat_energy_to", "stat_compensation", *prices}, "flow_to")
        elif source["type"] == "grid":
            only(
                source,
                {
                    "type", "stat_energy_from", "stat_energy_to", "stat_cost", "stat_compensation", *prices,
                    "entity_energy_price_export", "number_energy_price_export", "cost_adjustment_day",
                },
                "energy_sources",
            )  # fmt: skip
        elif source["type"] in ("gas", "water"):
            only(source, {"type", "stat_energy_from", "stat_cost", *prices}, "energy_sources")
        elif source["type"] == "solar":
            only(source, {"type", "stat_energy_from", "config_entry_solar_forecast"}, "energy_sources")
        else:
            raise RefusedError("invalid_format", f"value is not allowed @ data['energy_sources']: {source['type']}")


def only(fields: Mapping[str, Any], known: set[str], where: str = "") -> None:
    """Refuse keys that are not known, as Home Assistant's schemas do."""
    if unknown := set(fields) - known:
        place = f"data['{where}']" if where else "data"
        raise RefusedError("invalid_format", f"extra keys not allowed @ {place}['{min(unknown)}']")


def instant_of(text: str) -> float:
    """Parse an ISO instant. [s since 1970]"""  # noqa: D415
    return datetime.fromisoformat(text).timestamp()

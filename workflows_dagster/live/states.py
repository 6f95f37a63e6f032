"""Follows entities through Home Assistant's messages, and makes of their changes the rows that are stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows_dagster.domain.event_levels import PREVIOUS
from workflows_dagster.domain.power_sensors import watts

_UNKNOWN = frozenset({"unavailable", "unknown"})
# What makes a difference to a device that stays on.
_MATTERING = ("brightness", "percentage", "hvac_action")
_NAN = float("nan")


@dataclass(frozen=True)
class State:
    """An entity at an instant.

    Attributes:
        state: Its text.
        attributes: What goes with it.
        updated: When it was said. [s since 1970]
    """

    state: str
    attributes: Mapping[str, Any]
    updated: float

    @property
    def is_known(self) -> bool:
        """Whether it says something."""
        return self.state not in _UNKNOWN


@dataclass(frozen=True)
class Watched:
    """The entities that are listened to.

    Attributes:
        house: Sensor of the whole house's power; None where nothing says which it is.
        circuits: Sensors of circuits' power, with the circuits' names.
        register: Sensor of the house's energy; None if there is none.
        devices: Entities whose events count.
    """

    house: str | None
    circuits: Mapping[str, str]
    register: str | None
    devices: frozenset[str]

    @property
    def power(self) -> frozenset[str]:
        """All sensors of power."""
        return frozenset({*self.circuits, *([self.house] if self.house else [])})

    @property
    def entities(self) -> list[str]:
        """All of them."""
        return sorted(self.power | self.devices | ({self.register} if self.register else set()))


@dataclass
class Rows:
    """What is to be stored.

    Attributes:
        power: Time [s since 1970], entity, power [W], NaN where it has none from then on.
        events: Time, entity, domain, state, state before, attributes that matter.
        register: Time, energy [kWh].
    """

    power: list[tuple[float, str, float]] = field(default_factory=list)
    events: list[tuple[float, str, str, str, str, dict[str, Any] | None]] = field(default_factory=list)
    register: list[tuple[float, float]] = field(default_factory=list)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.power) + len(self.events) + len(self.register)

    @property
    def first(self) -> float | None:
        """Time of the first row of power or events; None if there is none. [s since 1970]"""  # noqa: D415
        return min([*(row[0] for row in self.power), *(row[0] for row in self.events)], default=None)

    def extend(self, other: Rows) -> None:
        """Add the rows of another."""
        self.power += other.power
        self.events += other.events
        self.register += other.register


class States:
    """The present states of the watched entities.

    Args:
        watched: The entities.
    """

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self._now: dict[str, State] = {}

    def take(self, event: Mapping[str, Any]) -> Rows:
        """Apply an event of the subscription: entities added, changed, removed.

        Args:
            event: As `subscribe_entities` sends it.
        """
        rows = Rows()
        for entity_id, said in (event.get("a") or {}).items():
            self._apply(entity_id, _state_of(said), rows)
        for entity_id, change in (event.get("c") or {}).items():
            before = self._now.get(entity_id)
            if before is None:
                continue
            self._apply(entity_id, _changed(before, change), rows)
        for entity_id in event.get("r") or ():
            gone = self._now.pop(entity_id, None)
            if gone is not None and entity_id in self.watched.power:
                rows.power.append((gone.updated + _AN_INSTANT, entity_id, _NAN))
        return rows

    def take_history(self, answer: Mapping[str, Iterable[Mapping[str, Any]]]) -> Rows:
        """Apply what was missed, in the order in which it happened.

        Args:
            answer: As `history/history_during_period` gives it.
        """
        missed = [(_state_of(one), entity_id) for entity_id, found in answer.items() for one in found]
        rows = Rows()
        for state, entity_id in sorted(missed, key=lambda one: (one[0].updated, one[1])):
            self._apply(entity_id, state, rows)
        return rows

    def unknown_from(self, instant: float) -> Rows:
        """Tell that nothing is known from an instant on: Home Assistant itself was off."""
        rows = Rows()
        for entity_id, state in list(self._now.items()):
            self._apply(entity_id, State("unknown", state.attributes, instant), rows)
        return rows

    def renewed(self, instant: float) -> Rows:
        """Say once more what holds at an instant, so that nobody has to look further back than an hour."""
        rows = Rows()
        for entity_id in sorted(self.watched.power & set(self._now)):
            state = self._now[entity_id]
            if state.updated < instant:
                rows.power.append((instant, entity_id, _watts(state)))
        return rows

    @property
    def newest(self) -> float:
        """When the newest state was said. [s since 1970]"""  # noqa: D415
        return max((one.updated for one in self._now.values()), default=0.0)

    def silent(self, registered: Collection[str]) -> list[str]:
        """Give the sensors of power that say nothing: unavailable, or not among those that there are."""
        return sorted(
            entity_id
            for entity_id in self.watched.power
            if entity_id not in registered or (entity_id in self._now and not self._now[entity_id].is_known)
        )

    def _apply(self, entity_id: str, state: State, rows: Rows) -> None:
        before = self._now.get(entity_id)
        if before is not None and state.updated <= before.updated:
            return
        self._now[entity_id] = state
        if entity_id in self.watched.power:
            power = _watts(state)
            # A change of an attribute alone, or of unit and figure together, is no change of the power.
            if before is None or _watts(before) != power:
                rows.power.append((state.updated, entity_id, power))
        if entity_id == self.watched.register and (energy := _number(state)) is not None:
            rows.register.append((state.updated, energy))
        if entity_id in self.watched.devices and before is not None and before.is_known and state.is_known:
            mattering = {**_of(state, ""), **_of(before, PREVIOUS)}
            if state.state != before.state or _of(state, "") != _of(before, ""):
                domain = entity_id.partition(".")[0]
                rows.events.append((state.updated, entity_id, domain, state.state, before.state, mattering or None))


# Between a state and the next thing that is known. [s]
_AN_INSTANT = 1e-3


def _state_of(said: Mapping[str, Any]) -> State:
    changed = float(said.get("lc") or said.get("lu") or 0.0)
    return State(str(said.get("s")), dict(said.get("a") or {}), float(said.get("lu") or changed))


def _changed(before: State, change: Mapping[str, Any]) -> State:
    plus, minus = change.get("+") or {}, change.get("-") or {}
    attributes = {**before.attributes, **(plus.get("a") or {})}
    for name in minus.get("a") or ():
        attributes.pop(name, None)
    updated = float(plus.get("lu") or plus.get("lc") or before.updated)
    return State(str(plus.get("s", before.state)), attributes, updated)


def _watts(state: State) -> float:
    power = watts(state.state, state.attributes.get("unit_of_measurement"))
    return _NAN if power is None else power


def _number(state: State) -> float | None:
    try:
        value = float(state.state)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _of(state: State, prefix: str) -> dict[str, Any]:
    found = {name: state.attributes.get(name) for name in _MATTERING}
    return {f"{prefix}{name}": value for name, value in found.items() if value is not None}

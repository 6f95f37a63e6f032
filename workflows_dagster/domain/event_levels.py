"""How far an event turns a device up or down: from off to on, from one brightness to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# Domains of Home Assistant whose events are attributed unless config.yaml names others.
DOMAINS = ("switch", "light", "climate", "fan", "cover")

_OFF = 0.0
_ON = 1.0
_LEVELS: Mapping[str, Mapping[str, float]] = {
    "switch": {"off": _OFF, "on": _ON},
    "light": {"off": _OFF, "on": _ON},
    "fan": {"off": _OFF, "on": _ON},
    "cover": {"closed": _OFF, "open": _OFF, "stopped": _OFF, "opening": _ON, "closing": _ON},
    "climate": {"off": _OFF},
}
# A climate device draws power by what it does, not by the mode it is in.
_ACTIONS: Mapping[str, float] = {
    "off": _OFF,
    "idle": _OFF,
    "heating": _ON,
    "cooling": _ON,
    "drying": _ON,
    "preheating": _ON,
    "defrosting": _ON,
    "fan": _ON,
}
# Attribute that scales the level, and its value at full power.
_SCALES: Mapping[str, tuple[str, float]] = {"light": ("brightness", 255.0), "fan": ("percentage", 100.0)}
PREVIOUS = "previous_"


def device_level(domain: str, state: str | None, attributes: Mapping[str, object], prefix: str = "") -> float:
    """Give the share of its full power at which a device runs.

    Args:
        domain: Home Assistant's domain.
        state: State of the entity.
        attributes: Attributes that matter: `brightness`, `percentage`, `hvac_action`; for the state before, the same
            names with the prefix `previous_`.
        prefix: Empty, or `PREVIOUS` for the state before.

    Returns:
        0 (off) to 1 (full), NaN if unknown. [1]
    """
    action = attributes.get(f"{prefix}hvac_action")
    if domain == "climate" and isinstance(action, str):
        return _ACTIONS.get(action, np.nan)
    level = _LEVELS.get(domain, _LEVELS["switch"]).get(state or "", np.nan)
    if level == _ON and domain in _SCALES:
        name, full = _SCALES[domain]
        value = attributes.get(prefix + name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(min(max(value / full, 0.0), 1.0))
    return level


def device_levels(
    domains: Sequence[str],
    states: Sequence[str | None],
    previous_states: Sequence[str | None],
    attributes: Sequence[Mapping[str, object] | None],
) -> tuple[np.ndarray, np.ndarray]:
    """Give the level of each event's device before and after the event.

    Args:
        domains: Home Assistant's domain of each event, length n.
        states: State after the event.
        previous_states: State before it.
        attributes: Attributes that matter, as in `device_level`.

    Returns:
        Level before and level after, 0 to 1, NaN if unknown. [1], shape (n,) each
    """
    known: dict[tuple[str, str | None, str | None], tuple[float, float]] = {}
    levels = np.empty((2, len(domains)))
    for k, (domain, state, before, extra) in enumerate(zip(domains, states, previous_states, attributes, strict=True)):
        if extra:
            levels[:, k] = device_level(domain, before, extra, PREVIOUS), device_level(domain, state, extra)
            continue
        key = (domain, state, before)
        if key not in known:
            known[key] = device_level(domain, before, {}), device_level(domain, state, {})
        levels[:, k] = known[key]
    return levels[0], levels[1]

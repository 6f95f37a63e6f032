"""Which event made which difference of the power (docs/explanation/methods.md#what-a-switch-costs).

An event is judged by the samples around it and by what its device did in the days before, and by nothing else. So it
does not matter in which order events and samples arrive, where a stream is cut, or how many days are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from workflows_dagster.domain.concurrent_events import MOST_EVENTS, groups_of, split_jointly
from workflows_dagster.domain.days import microsecond, microseconds
from workflows_dagster.domain.device_steps import UNKNOWN, DeviceStep
from workflows_dagster.domain.event_levels import device_levels
from workflows_dagster.domain.power_levels import LATENESS, LONGEST_GAP, Levels, horizon, levels_around

# Smaller steps are no effect of an event. [W]
LEAST_STEP = 10.0
# A step must exceed this multiple of what the power deviates by on both sides.
STEADIER = 2.0
# Streams around a day that its events may depend on.
MARGIN = pd.Timedelta(hours=2)

# Method of a credited event.
STEP, JOINT = "step", "joint"
# Why an event is not credited.
NO_CHANGE = "no_change_of_level"
FAR_APART = "samples_too_far_apart"
CONCURRENT = "concurrent_events"
TOO_SMALL = "step_too_small"
UNSTEADY = "power_unsteady"
WRONG_SIGN = "wrong_direction"
NOT_LEARNT = "device_not_learnt"
NO_EFFECT = "device_without_effect"
UNLIKE = "unlike_the_device"
REASONS = (NO_CHANGE, FAR_APART, CONCURRENT, TOO_SMALL, UNSTEADY, WRONG_SIGN, NOT_LEARNT, NO_EFFECT, UNLIKE)
CREDITED = (STEP, JOINT)

EVENT_COLUMNS = ("time", "entity_id", "domain", "state", "previous_state", "attributes")
RESULT_COLUMNS = (
    *EVENT_COLUMNS[:5],
    "power_before_w",
    "power_after_w",
    "power_delta_w",
    "power_delta_pct",
    "confidence",
    "sample_gap_s",
    "concurrent_events",
    "method",
)


@dataclass(frozen=True)
class AttributionRules:
    """Rules that a benchmark may switch off, to see what each is worth."""

    mixed_sample: bool = True
    sign: bool = True
    learnt_step: bool = True
    joint_split: bool = True


ALL_RULES = AttributionRules()


@dataclass(frozen=True)
class Streams:
    """Events and power, sorted and as arrays.

    Attributes:
        events: Columns `EVENT_COLUMNS`, sorted, without repeats.
        instants: Instants of the events, µs since 1970, shape (n,).
        before: Level of each event's device before the event, NaN if unknown. [1], shape (n,)
        after: Level after it, likewise.
        times: Instants of the power's samples, µs since 1970, strictly increasing, shape (m,).
        power: Their power. [W], shape (m,)
    """

    events: pd.DataFrame
    instants: np.ndarray
    before: np.ndarray
    after: np.ndarray
    times: np.ndarray
    power: np.ndarray

    @property
    def changes(self) -> np.ndarray:
        """Change of each event's device level: positive turns up, negative down. [1], shape (n,)."""
        changes: np.ndarray = self.after - self.before
        return changes

    @classmethod
    def of(cls, events: pd.DataFrame, power: pd.DataFrame) -> Streams:
        """Sort both streams; rows that repeat another, and samples without a finite value, are left out.

        Args:
            events: Columns `EVENT_COLUMNS` in any order of rows; `time` UTC.
            power: Columns `time` (UTC) and `power_w` [W] of the whole house, in any order. Of two samples at one
                instant the larger counts.
        """
        keys = ["time", "entity_id", "state", "previous_state"]
        rows = events.loc[:, list(EVENT_COLUMNS)].copy()
        rows["_text"] = [repr(sorted(x.items())) if isinstance(x, Mapping) else "" for x in rows["attributes"]]
        for name in ("state", "previous_state"):
            rows[name] = rows[name].astype(object).where(rows[name].notna(), None)
        rows = rows.sort_values([*keys, "_text"], kind="stable", na_position="first")
        rows = rows.drop_duplicates(keys, keep="last", ignore_index=True).drop(columns="_text")
        attributes = [x if isinstance(x, Mapping) else None for x in rows["attributes"]]
        before, after = device_levels(
            rows["domain"].tolist(), rows["state"].tolist(), rows["previous_state"].tolist(), attributes
        )
        stamps = microseconds(pd.DatetimeIndex(power["time"]))
        values = power["power_w"].to_numpy(dtype=float)
        known = np.isfinite(values)
        order = np.lexsort((values[known], stamps[known]))
        stamps, values = stamps[known][order], values[known][order]
        last = np.append(np.diff(stamps) > 0, True)[: len(stamps)]
        return cls(rows, microseconds(pd.DatetimeIndex(rows["time"])), before, after, stamps[last], values[last])

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> Streams:
        """Give the streams in `[start, end)`."""
        low, high = microsecond(start), microsecond(end)
        i, j = np.searchsorted(self.instants, [low, high], side="left")
        a, b = np.searchsorted(self.times, [low, high], side="left")
        rows = self.events.iloc[i:j].reset_index(drop=True)
        return Streams(rows, self.instants[i:j], self.before[i:j], self.after[i:j], self.times[a:b], self.power[a:b])


def judged_at(streams: Streams, levels: Levels, acting: np.ndarray) -> np.ndarray:
    """Give when each event's judgement is final: its window is over, and that of the last event it is split with.

    Args:
        streams: The events.
        levels: Levels around them.
        acting: Positions of the events that may change the power, increasing.

    Returns:
        Instants, µs since 1970, shape (n,).
    """
    over: np.ndarray = streams.instants + horizon(levels.spacing)
    final: np.ndarray = over.copy()
    for first, last in _groups(streams, levels, acting):
        for k in range(first, last + 1):
            # More events than can be split are not waited for.
            final[acting[k]] = max(over[acting[k]], over[acting[min(last, k + MOST_EVENTS)]])
    return final


def attribute(
    streams: Streams,
    devices: Mapping[str, DeviceStep],
    until: pd.Timestamp | None = None,
    rules: AttributionRules = ALL_RULES,
) -> pd.DataFrame:
    """Judge the events of a stream, with what was learnt of the devices.

    Args:
        streams: Events and power, from `MARGIN` before the first event asked for.
        devices: What is known of the devices, by entity.
        until: Instant up to which both streams are complete, UTC; events whose judgement is not final by then are
            left out. None judges all.
        rules: Rules in force; all but for a benchmark.

    Returns:
        Columns `RESULT_COLUMNS`, a row per judged event in order of time. `method` is one of `CREDITED`, or of
        `REASONS`: then the four powers are NaN and `confidence` is 0.
    """
    if until is not None:
        streams = streams.between(pd.Timestamp(0, tz="UTC"), until)
    levels, step, method = judge_alone(streams, devices, rules)
    before = np.where(method == STEP, levels.before, np.nan)
    confidence = np.where(method == STEP, _confidence(streams, devices, levels, step, rules), 0.0)
    step = np.where(method == STEP, step, np.nan)
    together = np.zeros(len(step), dtype=np.int64)
    acting = acting_events(streams, devices, rules)
    spacing = np.where(np.isfinite(levels.spacing), levels.spacing, np.inf)
    expected, tolerance = _expected(streams.events["entity_id"].to_numpy().astype(str), streams.changes, devices)
    reach = _reach(levels)
    for first, last in _groups(streams, levels, acting):
        members = acting[first : last + 1]
        together[members] = min(last - first, MOST_EVENTS)
        if not rules.joint_split or not (method[members] == CONCURRENT).any():
            continue
        clear = (
            int(streams.instants[acting[first - 1]]) + int(reach[acting[first]]) - int(spacing[members[0]] // 2)
            if first
            else -(2**62),
            int(streams.instants[acting[last + 1]]) if last + 1 < len(acting) else 2**62,
        )
        found = split_jointly(
            streams.times, streams.power, streams.instants[members], expected[members],
            tolerance[members], float(spacing[members[0]]), clear,
        )  # fmt: skip
        if found is None:
            continue
        level = found.before
        for k, member in enumerate(members.tolist()):
            part = float(found.parts[k])
            if method[member] == CONCURRENT and found.determined[k]:
                credited = abs(part) >= LEAST_STEP
                method[member] = JOINT if credited else UNLIKE
                if credited:
                    before[member], step[member] = level, part
                    confidence[member] = round(0.8 * abs(part) / (abs(part) + 4 * found.misfit), 6)
            level += part
    after = before + step
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = np.where(before > 0, 100.0 * step / before, np.nan)
    frame = streams.events.loc[:, list(EVENT_COLUMNS[:5])].copy()
    figures = (before, after, step, percent, confidence, levels.gap, together, method)
    for name, values in zip(RESULT_COLUMNS[5:], figures, strict=True):
        frame[name] = pd.Series(values, frame.index, dtype=object if name == "method" else None)
    if until is not None:
        final = judged_at(streams, levels, acting) <= microsecond(until)
        frame = frame[final].reset_index(drop=True)
    return frame


def attribute_day(
    streams: Streams,
    devices: Mapping[str, DeviceStep],
    opening: pd.Timestamp,
    closing: pd.Timestamp,
    until: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Judge the events of one day, or of a part of it.

    Args:
        streams: Events and power from `MARGIN` before to `MARGIN` after it; more does no harm.
        devices: What was known of the devices when the day opened.
        opening: First instant, UTC.
        closing: Instant after the last, UTC.
        until: Instant up to which the streams are complete, UTC; None if past `closing` and `MARGIN`.

    Returns:
        As `attribute` gives it, the events in `[opening, closing)`.
    """
    end = closing + MARGIN
    complete = until is None or until >= end
    frame = attribute(streams.between(opening - MARGIN, end), devices, None if complete else until)
    inside = (frame["time"] >= opening) & (frame["time"] < closing)
    return frame[inside].reset_index(drop=True)


def _reach(levels: Levels) -> np.ndarray:
    """Give how far apart events are that one whole sample lies between, however late the meter is, [µs], shape (n,)."""
    spacing = np.where(np.isfinite(levels.spacing), np.minimum(levels.spacing, LONGEST_GAP), LONGEST_GAP)
    reach: np.ndarray = (1.5 * spacing).astype(np.int64) + LATENESS
    return reach


def _groups(streams: Streams, levels: Levels, acting: np.ndarray) -> list[tuple[int, int]]:
    """Give the groups of events too close to be judged apart, as first and last position among the acting ones."""
    if not len(acting):
        return []
    return groups_of((np.diff(streams.instants[acting]) <= _reach(levels)[acting][:-1]).tolist())


def acting_events(streams: Streams, devices: Mapping[str, DeviceStep], rules: AttributionRules) -> np.ndarray:
    """Give the positions of the events that may change the power: not those of devices known to have no effect."""
    idle = {name for name, device in devices.items() if device.without_effect} if rules.learnt_step else set()
    names = streams.events["entity_id"].to_numpy()
    without = np.isin(names.astype(str), sorted(idle)) if idle else np.zeros(len(names), dtype=bool)
    return np.flatnonzero(~without & ~(streams.changes == 0))


def judge_alone(
    streams: Streams, devices: Mapping[str, DeviceStep], rules: AttributionRules
) -> tuple[Levels, np.ndarray, np.ndarray]:
    """Judge each event by itself: levels, step [W] and method, each of shape (n,)."""
    instants, changes = streams.instants, streams.changes
    acting = acting_events(streams, devices, rules)
    others = instants[acting]
    left = np.searchsorted(others, instants, side="left")
    right = np.searchsorted(others, instants, side="right")
    itself = np.zeros(len(instants), dtype=np.int64)
    itself[acting] = 1
    far = 2**60
    padded = np.concatenate([[-far], others, [far]])
    same = right - left > itself
    previous = np.where(same, instants, padded[left])
    following = np.where(same, instants, padded[right + 1])
    signs = np.nan_to_num(np.sign(changes)) if rules.sign else np.zeros(len(changes))
    levels = levels_around(
        streams.times, streams.power, instants, signs, previous, following, skip_mixed=rules.mixed_sample
    )
    names = streams.events["entity_id"].to_numpy().astype(str)
    expected, tolerance = _expected(names, changes, devices)
    step, spread = levels.after - levels.before, levels.spread
    if rules.learnt_step:
        # What else changed while the device settled must not hide a step that came at once.
        at_once = levels.at_once - levels.before
        sooner = ~(np.abs(step - expected) <= tolerance) & (np.abs(at_once - expected) <= tolerance)
        step, spread = np.where(sooner, at_once, step), np.where(sooner, levels.spread_at_once, spread)
        levels = replace(levels, after=np.where(sooner, levels.at_once, levels.after), spread=spread)
    method = np.full(len(instants), STEP, dtype=object)
    with np.errstate(invalid="ignore"):
        directed = signs * step if rules.sign else np.abs(step)
        small, unsteady = np.abs(step) < LEAST_STEP, directed < STEADIER * spread
    if rules.learnt_step:
        method[~(np.abs(step - expected) <= tolerance)] = UNLIKE
        method[~np.isfinite(expected)] = NOT_LEARNT
        method[np.isin(names, [name for name, device in devices.items() if device.without_effect])] = NO_EFFECT
    method[unsteady] = UNSTEADY
    method[directed < 0] = WRONG_SIGN
    method[small] = TOO_SMALL
    over = horizon(levels.spacing)
    crowded = (instants - previous <= over) | (following - instants <= over)
    method[~np.isfinite(step)] = FAR_APART
    method[~np.isfinite(step) & crowded] = CONCURRENT
    method[levels.far] = FAR_APART
    if rules.sign:
        method[~np.isfinite(changes) | (changes == 0)] = NO_CHANGE
    return levels, step, method


def _expected(
    names: np.ndarray, changes: np.ndarray, devices: Mapping[str, DeviceStep]
) -> tuple[np.ndarray, np.ndarray]:
    """Give each event's expected step and its tolerance, NaN where the device is not learnt, [W], shape (n,) each."""
    expected, tolerance = np.full(len(names), np.nan), np.full(len(names), np.nan)
    for name in np.unique(names).tolist():
        if (device := devices.get(name, UNKNOWN)).known:
            mine = names == name
            expected[mine], tolerance[mine] = device.expected(changes[mine]), device.tolerance(changes[mine])
    return expected, tolerance


def _confidence(
    streams: Streams, devices: Mapping[str, DeviceStep], levels: Levels, step: np.ndarray, rules: AttributionRules
) -> np.ndarray:
    """Give how sure each credit is, 0 to 1: by the step's steadiness, and by its distance from the learnt one."""
    with np.errstate(invalid="ignore", divide="ignore"):
        sure: np.ndarray = np.abs(step) / (np.abs(step) + 2 * levels.spread)
        if rules.learnt_step:
            names = streams.events["entity_id"].to_numpy().astype(str)
            expected, tolerance = _expected(names, streams.changes, devices)
            sure = sure * (1 - 0.5 * np.abs(step - expected) / tolerance)
    return sure.round(6)

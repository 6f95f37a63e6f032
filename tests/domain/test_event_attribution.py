"""Which event made which difference: worked examples, and laws of the whole rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows_dagster.domain.device_steps import DeviceStep
from workflows_dagster.domain.device_teaching import TaughtDay, learn, teach
from workflows_dagster.domain.event_attribution import (
    CONCURRENT,
    CREDITED,
    FAR_APART,
    JOINT,
    MARGIN,
    NO_CHANGE,
    NO_EFFECT,
    NOT_LEARNT,
    STEP,
    TOO_SMALL,
    UNLIKE,
    WRONG_SIGN,
    Streams,
    attribute,
    attribute_day,
)

NOON = pd.Timestamp("2026-06-01T12:00", tz="UTC")
HEATER = {"switch.heater": DeviceStep(1000.0, 1000.0, 10.0, 10.0, 20)}


def at(seconds: float) -> pd.Timestamp:
    """Give an instant, in seconds after noon."""
    return NOON + pd.Timedelta(microseconds=round(seconds * 1e6))


def samples(power: dict[float, float] | list[float], every: float = 10.0, begin: float = -100.0) -> pd.DataFrame:
    """Give samples of the house's power, by second after noon, or every `every` seconds."""
    given = power if isinstance(power, dict) else {begin + every * k: value for k, value in enumerate(power)}
    return pd.DataFrame({"time": [at(second) for second in given], "power_w": list(given.values())})


def event(
    second: float, state: str = "on", entity: str = "switch.heater", before: str | None = None, **attributes: object
) -> dict[str, object]:
    """Give one event."""
    previous = before or {"on": "off", "off": "on"}.get(state, "off")
    return {
        "time": at(second),
        "entity_id": entity,
        "domain": entity.split(".")[0],
        "state": state,
        "previous_state": previous,
        "attributes": attributes,
    }


def judged(events: list[dict[str, object]], power: pd.DataFrame, devices=HEATER) -> pd.DataFrame:
    """Attribute these events."""
    return attribute(Streams.of(pd.DataFrame(events), power), devices)


# Ten samples at 200 W, one that holds the event (half of it at 1,200 W), ten at 1,200 W.
RISE = samples([200.0] * 10 + [700.0] + [1200.0] * 10)


def test_the_sample_that_holds_the_event_is_left_out() -> None:
    """On at 11:59:55, samples of 10 s: 700 W mixes both sides, so the step is 1,200 - 200 W."""
    row = judged([event(-5.0)], RISE).iloc[0]
    assert (row["method"], row["power_before_w"], row["power_after_w"]) == (STEP, 200.0, 1200.0)
    assert (row["power_delta_w"], row["power_delta_pct"], row["sample_gap_s"]) == (1000.0, 500.0, 10.0)
    assert row["confidence"] == 1.0


def test_a_meter_that_reports_eight_seconds_late_gives_the_same_step() -> None:
    late = RISE.assign(time=RISE["time"] + pd.Timedelta(seconds=8))
    row = judged([event(-5.0)], late).iloc[0]
    assert (row["method"], row["power_delta_w"]) == (STEP, 1000.0)


@pytest.mark.parametrize(
    ("events", "power", "reason"),
    [
        pytest.param([event(-5.0, "off")], RISE, WRONG_SIGN, id="off, and the power rises"),
        pytest.param([event(-5.0)], samples([200.0] * 21), TOO_SMALL, id="nothing happens"),
        pytest.param([event(-5.0)], samples([200.0] * 11 + [209.0] * 10), TOO_SMALL, id="9 W"),
        pytest.param([event(-5.0)], samples([200.0] * 11 + [1460.0] * 10), UNLIKE, id="1,260 W instead of 1,000"),
        pytest.param([event(-5.0, entity="switch.new")], RISE, NOT_LEARNT, id="a device seen for the first time"),
        pytest.param([event(-5.0, "unavailable")], RISE, NO_CHANGE, id="it became unavailable"),
        pytest.param([event(-5.0)], samples([200.0] * 5 + [1200.0] * 5, 300.0, -1500.0), FAR_APART, id="every 300 s"),
        pytest.param([event(-5.0)], samples({-300.0: 200.0, 300.0: 1200.0, 310.0: 1200.0}), FAR_APART, id="a hole"),
        pytest.param([event(-5.0)], samples({}), FAR_APART, id="no power at all"),
    ],
)
def test_nothing_is_made_up(events: list[dict[str, object]], power: pd.DataFrame, reason: str) -> None:
    row = judged(events, power).iloc[0]
    assert (row["method"], row["confidence"]) == (reason, 0.0)
    assert np.isnan(row["power_delta_w"])


def test_unavailable_power_is_a_hole_and_never_zero() -> None:
    power = RISE.assign(power_w=RISE["power_w"].where(RISE["time"] < at(-10), np.nan))
    assert judged([event(-5.0)], power).iloc[0]["method"] == FAR_APART


def test_a_dimmed_lamp_is_expected_to_draw_its_share() -> None:
    """60 W at full; from 35 % (89 of 255) to full are 60 · (255 - 89) / 255 = 39.06 W."""
    lamp = {"light.sofa": DeviceStep(60.0, 60.0, 1.0, 1.0, 20)}
    power = samples([200.0] * 10 + [220.0] + [239.0] * 10)
    brighter = event(-5.0, "on", "light.sofa", "on", brightness=255, previous_brightness=89)
    darker = event(-5.0, "on", "light.sofa", "on", brightness=89, previous_brightness=255)
    assert judged([brighter], power, lamp).iloc[0]["power_delta_w"] == 39.0
    assert judged([darker], power, lamp).iloc[0]["method"] == WRONG_SIGN


def test_a_climate_device_draws_by_what_it_does() -> None:
    devices = {"climate.room": DeviceStep(1000.0, 1000.0, 10.0, 10.0, 20)}
    heats = event(-5.0, "heat", "climate.room", "heat", hvac_action="heating", previous_hvac_action="idle")
    waits = event(-5.0, "heat", "climate.room", "off", hvac_action="idle", previous_hvac_action="off")
    assert judged([heats], RISE, devices).iloc[0]["method"] == STEP
    assert judged([waits], RISE, devices).iloc[0]["method"] == NO_CHANGE


def test_two_switches_in_one_sample_are_split_by_what_is_learnt() -> None:
    """1,000 W for 6 s and 300 W for 5 s of the 10 s sample are 750 W of its mean; no other choice explains it."""
    devices = {**HEATER, "switch.pump": DeviceStep(300.0, 300.0, 5.0, 5.0, 20)}
    rows = judged(
        [event(-6.0), event(-5.0, entity="switch.pump")], samples([200.0] * 10 + [950.0] + [1500.0] * 10), devices
    )
    assert rows["method"].tolist() == [JOINT, JOINT]
    assert rows["power_delta_w"].tolist() == pytest.approx([1000.0, 300.0], abs=1.0)
    assert rows["concurrent_events"].tolist() == [1, 1]


def test_an_event_is_final_a_minute_later_and_one_that_is_split_with_another_when_both_are() -> None:
    """Samples of 10 s: two spacings, 10 s of lateness, 10 s of settling and a window of 20 s make 60 s."""
    alone = Streams.of(pd.DataFrame([event(-5.0)]), RISE)
    assert [len(attribute(alone, HEATER, at(-5.0 + seconds))) for seconds in (59.9, 60.1)] == [0, 1]
    assert [len(teach(alone, at(-50), at(-5.0 + seconds)).steps) for seconds in (59.9, 60.1)] == [0, 1]
    both = Streams.of(pd.DataFrame([event(-5.0), event(9.0, entity="switch.pump")]), RISE)
    assert [len(attribute(both, HEATER, at(9.0 + seconds))) for seconds in (59.9, 60.1)] == [0, 2]


def test_two_equal_lamps_of_which_one_is_broken_are_not_told_apart() -> None:
    lamp = DeviceStep(60.0, 60.0, 1.0, 1.0, 20)
    power = samples([200.0] * 10 + [230.0] + [260.0] * 10)
    rows = judged(
        [event(-5.0, entity="light.a"), event(-5.0, entity="light.b")], power, {"light.a": lamp, "light.b": lamp}
    )
    assert rows["method"].tolist() == [CONCURRENT, CONCURRENT]
    assert rows["concurrent_events"].tolist() == [1, 1]


def a_fortnight(seed: int, watts: dict[str, float], days: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give events and power of devices that switch every two hours, each 20 minutes after the other, over noise."""
    rng = np.random.default_rng(seed)
    count = days * 8640
    power = 200.0 + rng.normal(0, 1.5, count)
    events = []
    for k, (entity, draws) in enumerate(watts.items()):
        for turn in range(days * 12):
            on = turn * 7200 + k * 1200 + rng.uniform(5, 500)
            off = on + rng.uniform(200, 500)
            power[int(on // 10) + 1 : int(off // 10) + 1] += draws
            power[int(on // 10)] += draws * (1 - on % 10 / 10)
            power[int(off // 10)] -= draws * (1 - off % 10 / 10)
            power[int(off // 10)] += 0.0
            events += [event(on, "on", entity), event(off, "off", entity)]
    frame = samples([*power.tolist()], 10.0, 10.0)
    return pd.DataFrame(events), frame


WATTS = {"switch.heater": 1400.0, "light.kitchen": 45.0, "switch.scene": 0.0}
EVENTS, POWER = a_fortnight(3, WATTS)
STREAMS = Streams.of(EVENTS, POWER)
DAYS = [(NOON + pd.Timedelta(hours=12 + 24 * k), NOON + pd.Timedelta(hours=36 + 24 * k)) for k in range(3)]


def known_on(day: tuple[pd.Timestamp, pd.Timestamp], streams: Streams = STREAMS):
    """Learn from the days before a day, from the first on."""
    return learn([teach(streams, *one) for one in DAYS if one[0] < day[0]])


def on(day: tuple[pd.Timestamp, pd.Timestamp], streams: Streams = STREAMS, until: pd.Timestamp | None = None):
    """Judge a day with what the days before teach."""
    return attribute_day(streams, known_on(day, streams), *day, until)


def test_devices_teach_their_own_step_and_one_without_effect_is_known_as_such() -> None:
    devices = known_on(DAYS[2])
    assert devices["switch.heater"].up == pytest.approx(1400.0, abs=3.0)
    assert devices["light.kitchen"].down == pytest.approx(45.0, abs=3.0)
    assert devices["switch.scene"].without_effect
    rows = on(DAYS[2])
    by_entity = rows.groupby("entity_id")["method"].agg(lambda methods: methods.isin(CREDITED).mean())
    assert by_entity["switch.heater"] > 0.95
    assert by_entity["switch.scene"] == 0.0
    reasons = {NO_EFFECT, TOO_SMALL, WRONG_SIGN, "power_unsteady"}
    assert set(rows.loc[rows["entity_id"] == "switch.scene", "method"]) <= reasons


def test_a_day_is_learnt_from_the_days_before_it_and_not_from_itself() -> None:
    louder = POWER.assign(power_w=POWER["power_w"].where(POWER["time"] < DAYS[1][0], 9000.0))
    assert known_on(DAYS[1], Streams.of(EVENTS, louder)) == known_on(DAYS[1])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_the_order_of_arrival_does_not_matter(seed: int) -> None:
    mixed = Streams.of(EVENTS.sample(frac=1, random_state=seed), POWER.sample(frac=1, random_state=seed))
    pd.testing.assert_frame_equal(on(DAYS[1], mixed), on(DAYS[1]), check_exact=True)


@pytest.mark.parametrize("day", DAYS)
def test_a_day_alone_equals_the_day_in_a_range(day: tuple[pd.Timestamp, pd.Timestamp]) -> None:
    opening, closing = day
    low, high = opening - MARGIN, closing + MARGIN
    events, power = (f[(f["time"] >= low) & (f["time"] < high)] for f in (EVENTS, POWER))
    alone = attribute_day(Streams.of(events, power), known_on(day), opening, closing)
    pd.testing.assert_frame_equal(alone, on(day), check_exact=True)
    assert teach(Streams.of(events, power), *day).steps.tolist() == teach(STREAMS, *day).steps.tolist()


@given(st.floats(0, 26 * 3600))
@settings(max_examples=15, deadline=None)
def test_splitting_the_stream_anywhere_changes_nothing(seconds: float) -> None:
    """What is judged while the day runs is what the finished day gives, to the last bit."""
    until = DAYS[1][0] + pd.Timedelta(seconds=seconds)
    events, power = (f[f["time"] < until] for f in (EVENTS, POWER))
    running, whole = on(DAYS[1], Streams.of(events, power), until), on(DAYS[1])
    judged = whole["time"].isin(running["time"])
    pd.testing.assert_frame_equal(running, whole[judged].reset_index(drop=True), check_exact=True)
    assert (whole.loc[~judged, "time"] > until - pd.Timedelta(minutes=10)).all()


CHAOS = {
    name: DeviceStep(w, w, 3.0, 3.0, 20) for name, w in (("switch.a", 900.0), ("switch.b", 300.0), ("light.c", 70.0))
}


def chaos(seed: int) -> Streams:
    """Five hours of bursts of events over samples of changing, jittering spacing with holes."""
    rng = np.random.default_rng(seed)
    gaps = rng.choice([5.0, 10.0, 30.0], 30).repeat(rng.integers(20, 60, 30))
    gaps = gaps * rng.uniform(0.8, 1.2, len(gaps)) + rng.choice([0.0, 45.0, 300.0], len(gaps), p=[0.97, 0.02, 0.01])
    ends = np.cumsum(gaps)
    ends = ends[ends < 18_000]
    bursts = rng.uniform(0, max(ends[-1], 600.0), 35)
    seconds = np.sort(
        np.concatenate([[b, *(b + rng.exponential(12.0, rng.choice([0, 0, 1, 2, 5])).cumsum())] for b in bursts])
    )
    events, fine = [], np.zeros(int(ends[-1]) + 900)
    level = dict.fromkeys(CHAOS, 0)
    for second in seconds.tolist():
        name = str(rng.choice(list(CHAOS)))
        level[name] = 1 - level[name]
        events.append(event(second, "on" if level[name] else "off", name))
        fine[int(second) :] += (2 * level[name] - 1) * CHAOS[name].up
    sums = np.concatenate([[0.0], np.cumsum(fine)])
    starts = np.concatenate([[0.0], ends[:-1]])
    means = (sums[ends.astype(int)] - sums[starts.astype(int)]) / np.maximum(ends.astype(int) - starts.astype(int), 1)
    power = 200.0 + means + rng.normal(0, 1.0, len(means))
    return Streams.of(pd.DataFrame(events), samples(dict(zip(ends.tolist(), power.tolist(), strict=True))))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_bursts_over_samples_with_holes_are_judged_alike_wherever_the_stream_is_cut(seed: int) -> None:
    """Cut soon after an event, where its window or that of its neighbours is not over yet, or just before one."""
    streams, rng = chaos(seed), np.random.default_rng(seed)
    whole = attribute(streams, CHAOS)
    for cut in rng.integers(0, len(whole), 6).tolist():
        until = whole["time"][cut] + pd.Timedelta(seconds=float(rng.uniform(0, 300)))
        running = attribute(streams, CHAOS, until)
        judged = whole[whole["time"].isin(running["time"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(running, judged, check_exact=True)
        assert len(judged) >= (whole["time"] < until - pd.Timedelta(minutes=15)).sum()
    begin = whole["time"][len(whole) // 2]
    later = attribute(streams.between(begin - MARGIN, at(1e6)), CHAOS)
    second, expected = (f[f["time"] >= begin].reset_index(drop=True) for f in (later, whole))
    pd.testing.assert_frame_equal(second, expected, check_exact=True)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_what_a_day_teaches_does_not_depend_on_the_days_around_it(seed: int) -> None:
    """Whatever one hour teaches, it teaches as a part of three hours too; only what is not final yet is left out."""
    streams = chaos(seed)
    opening = NOON + pd.Timedelta(microseconds=int(streams.instants[len(streams.instants) // 2]) - NOON.value // 1000)
    hour = pd.Timedelta(hours=1)
    short, long = teach(streams, opening, opening + hour), teach(streams, opening - hour, opening + 2 * hour)

    def lessons(day: TaughtDay) -> set[str]:
        columns = (day.entities, day.changes, day.steps, day.judged, day.accepted)
        return {repr(row) for row in zip(*(column.tolist() for column in columns), strict=True)}

    assert lessons(short) <= lessons(long)
    assert len(short.steps) > 0


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None)
def test_an_event_without_effect_is_credited_in_at_most_one_percent(seed: int) -> None:
    """A switch that does nothing, in a house whose other loads come and go ten times an hour."""
    rng = np.random.default_rng(seed)
    count, days = 8640 * 3, 3
    power = 200.0 + rng.normal(0, 1.5, count)
    for _ in range(days * 240):
        begin = rng.integers(count)
        power[begin : begin + rng.integers(2, 120)] += rng.choice([15.0, 40.0, 90.0, 400.0, 2000.0])
    stamps = np.sort(rng.uniform(0, count * 10, 600))
    events = pd.DataFrame([event(s, ("on", "off")[k % 2], "switch.nothing") for k, s in enumerate(stamps.tolist())])
    streams = Streams.of(events, samples(power.tolist(), 10.0, 10.0))
    taught = [teach(streams, *day) for day in DAYS[:1]]
    credited = [attribute_day(streams, learn(taught), *day)["method"].isin(CREDITED) for day in DAYS[:2]]
    assert pd.concat(credited).mean() <= 0.01

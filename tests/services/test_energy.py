"""The six answers about energy, against a recount of the raw streams that shares no function with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.houses import small
from tests.streams import BERLIN, FIRST, HOUSE, LAST, START, WATTS, live
from workflows_dagster.domain.days import DayRange, closing, opening
from workflows_dagster.domain.smart_meter import PowerCurve, circuit_power, five_minutes, house_power
from workflows_dagster.records.power import read_power, write_five_minutes, write_power
from workflows_dagster.services import energy
from workflows_dagster.services.event_correlation import Correlation
from workflows_dagster.services.export import export_to_folder
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.tagged import HOME_ASSISTANT_EVENTS, HOME_POWER

TARIFFS = """\
tariffs:
  - utility: electricity
    billed_meter: main
    prices:
      - {valid_from: 2021-01-01, unit_price: 0.30, per: kWh}
      - {valid_from: 2021-03-28, unit_price: 0.40, per: kWh}
"""
# Half a minute after seven in the evening of the last day.
NOW = pd.Timestamp("2021-03-29T19:00:30", tz="Europe/Berlin").tz_convert("UTC")
COOKER = "sensor.cooker_power"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house that lived until now: streams, five minutes of power, correlations."""
    folder = tmp_path_factory.mktemp("energy")
    (folder / "config").mkdir()
    (folder / "config" / "config.yaml").write_text(
        "timezone: Europe/Berlin\nworkflows: {analytics: {start_year: 2021}}\n"
        "home_assistant: {url: 'http://127.0.0.1:1'}\n",
        encoding="utf-8",
    )
    (folder / "config" / "meters.yaml").write_text(small("2021-01-01"), encoding="utf-8")
    (folder / "config" / "seasonal_patterns.yaml").write_text("patterns: {}", encoding="utf-8")
    (folder / "config" / "tariffs.yaml").write_text(TARIFFS, encoding="utf-8")
    store = EmbeddedStore(folder / "meters.sqlite")
    live(store)
    for stream in (HOME_POWER, HOME_ASSISTANT_EVENTS):
        store.delete_rows(stream, NOW, NOW + pd.Timedelta(days=9))
    cooker = [(NOW - pd.Timedelta(minutes=m), COOKER, watts) for m, watts in ((50, 40.0), (22, 90.0), (7, 10.0))]
    write_power(store, pd.DataFrame(cooker, columns=["time", "entity_id", "power_w"]))
    power = PowerCurve.of(read_power(store, START, NOW, HOUSE), NOW)
    ends = five_minutes(START, NOW)
    midnights = pd.DatetimeIndex(
        [opening((e - pd.Timedelta(seconds=1)).tz_convert(BERLIN).date(), BERLIN) for e in ends]
    )
    house = house_power(power, ends, midnights)
    curve = PowerCurve.of(read_power(store, START, NOW, COOKER), NOW)
    write_five_minutes(store, HOUSE, house, circuit_power(house["total_power_w"], {"Cooker": curve}, ends))
    Correlation(store, BERLIN, HOUSE, ("switch", "light"), 92).of_days(DayRange(FIRST, LAST), NOW)
    store.close()
    return folder


@pytest.fixture
def store(lived: Path) -> Iterator[EmbeddedStore]:
    opened = EmbeddedStore(lived / "meters.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def settings(lived: Path) -> Settings:
    return load(lived / "config", {"METERS_DATA_DIR": str(lived), "HOME_ASSISTANT_TOKEN": "token"})


def samples(store: EmbeddedStore, entity: str = HOUSE) -> list[tuple[datetime, float]]:
    """The raw stream, as plain Python."""
    found = store.rows(HOME_POWER, tags={"entity_id": entity})
    return [(t.to_pydatetime(), w) for t, w in zip(found["time"], found["power_w"], strict=True)]


def switched(store: EmbeddedStore, entity: str) -> list[tuple[datetime, str]]:
    found = store.rows(HOME_ASSISTANT_EVENTS, tags={"entity_id": entity})
    return [(t.to_pydatetime(), s) for t, s in zip(found["time"], found["state"], strict=True)]


def watt_seconds(changes: list[tuple[datetime, float]], start: datetime, end: datetime) -> float:
    """Add up what holds until the next change, step by step."""
    total = 0.0
    for (since, watts), (until, _) in zip(changes, [*changes[1:], (end, 0.0)], strict=True):
        seconds = (min(until, end) - max(since, start)).total_seconds()
        if seconds > 0:
            total += watts * seconds
    return total


MIDNIGHT = datetime(2021, 3, 28, 22, tzinfo=UTC)
SEVEN = datetime(2021, 3, 29, 17, tzinfo=UTC)


def test_the_present_is_the_newest_sample_and_the_energy_since_midnight(settings, store):
    now = energy.current(settings, store, NOW)
    newest, watts = samples(store)[-1]
    assert (now.timestamp, now.total_power_w) == (newest, watts)
    assert now.age_s == (NOW - newest).total_seconds() < 15.1
    kwh = watt_seconds([s for s in samples(store) if s[0] > MIDNIGHT - timedelta(hours=1)], MIDNIGHT, SEVEN) / 3.6e6
    assert now.daily_kwh == pytest.approx(kwh, rel=1e-9)


def test_circuits_are_the_last_hours_five_minutes_and_the_rest(store):
    found = energy.circuits(store, NOW)
    assert [(c.timestamp, c.circuit_name) for c in found[:2]] == [(SEVEN, "Cooker"), (SEVEN, "other")]
    start = SEVEN - timedelta(minutes=10)
    ten = [c for c in found if c.timestamp == SEVEN - timedelta(minutes=5)]
    # 90 W until 18:53:30 and 10 W from then on: of the five minutes until 18:55 three and a half and one and a half.
    assert ten[0].power_w == pytest.approx((90.0 * 3.5 + 10.0 * 1.5) / 5)
    house = (
        watt_seconds([s for s in samples(store) if s[0] > start - timedelta(hours=1)], start, ten[0].timestamp) / 300
    )
    assert ten[1].power_w == pytest.approx(house - ten[0].power_w)
    assert ten[0].percentage == pytest.approx(100 * ten[0].power_w / house)


def test_statistics_are_those_of_the_raw_stream(settings, store):
    found = energy.statistics(settings, store, NOW)
    start = SEVEN - timedelta(hours=24)
    inside = [s for s in samples(store) if start - timedelta(hours=1) < s[0] < SEVEN]
    assert found.average_power_w == pytest.approx(watt_seconds(inside, start, SEVEN) / 86_400, rel=1e-9)
    time, peak = max(((t, w) for t, w in inside if t >= start), key=lambda s: s[1])
    assert found.peak_power_w == peak
    assert found.peak_time.to_pydatetime() - timedelta(minutes=5) <= time < found.peak_time.to_pydatetime()
    assert found.current_power_w == samples(store)[-1][1]
    # Two of the three devices draw something; hardly any of their events is missed, none of the others' is counted.
    real = [t for name in WATTS if WATTS[name] for t, _ in switched(store, name) if t >= NOW - timedelta(hours=24)]
    assert 0.9 * len(real) <= found.total_correlations <= len(real)


def test_correlations_are_what_the_devices_truly_draw_newest_first(store):
    found = energy.correlations(store, NOW, hours=24, min_delta=50)
    assert [c.timestamp for c in found] == sorted((c.timestamp for c in found), reverse=True)
    for one in found:
        sign = 1 if one.state == "on" else -1
        assert one.power_delta_w == pytest.approx(sign * WATTS[one.entity_id], rel=0.06, abs=4)
        assert (one.timestamp.to_pydatetime(), one.state) in switched(store, one.entity_id)
    assert {c.entity_id for c in found} == {"switch.kettle", "light.kitchen"}
    assert {c.entity_id for c in energy.correlations(store, NOW, min_delta=100)} == {"switch.kettle"}
    assert {c.domain for c in energy.correlations(store, NOW, domain="light")} == {"light"}
    assert len(energy.correlations(store, NOW, entity_id="switch.kettle", limit=3)) == 3
    silent = energy.correlations(store, NOW, entity_id="switch.scene", min_delta=0)
    assert silent
    assert all(c.power_delta_w is None and c.confidence == 0 for c in silent)


def test_a_devices_impact_is_power_times_the_hours_of_its_own_events(settings, store):
    """Four complete days: 25 to 27 March at 0.30 per kWh, the 28th at 0.40."""
    impact = energy.device_impact(settings, store, "switch.kettle", NOW, period_days=4)
    begin, end = datetime(2021, 3, 24, 23, tzinfo=UTC), MIDNIGHT
    pairs = switched(store, "switch.kettle")
    seconds, since = 0.0, None
    for time, state in pairs:
        if state == "on":
            since = time
        elif since is not None:
            seconds += max((min(time, end) - max(since, begin)).total_seconds(), 0)
    assert impact.on_hours == pytest.approx(seconds / 3600)
    assert impact.total_state_changes == sum(begin <= t < end for t, _ in pairs)
    assert impact.average_power_on_w == pytest.approx(1900, rel=0.01)
    assert impact.average_power_off_w is None
    assert impact.known_days == 4
    assert impact.estimated_daily_kwh == pytest.approx(1.9 * seconds / 3600 / 4, rel=0.03)
    price = (0.30 + 0.30 + 0.30 + 0.40) / 4
    assert impact.estimated_monthly_cost == pytest.approx(impact.estimated_daily_kwh * 30.4375 * price)
    assert 0.5 < impact.sure <= 1
    assert impact.reason is None


def test_top_consumers_come_by_energy_and_leave_out_what_nothing_tells(settings, store):
    found = energy.top_consumers(settings, store, NOW)
    assert [impact.entity_id for impact in found] == ["switch.kettle", "light.kitchen"]
    assert energy.top_consumers(settings, store, NOW, limit=1) == found[:1]
    scene = energy.device_impact(settings, store, "switch.scene", NOW)
    assert (scene.average_power_on_w, scene.estimated_monthly_cost, scene.reason) == (None, None, energy.NOT_LEARNT)
    assert scene.on_hours > 0


def test_nothing_known_is_none_with_a_reason_and_never_a_sample_value(settings, tmp_path):
    empty = EmbeddedStore(tmp_path / "empty.sqlite")
    assert energy.current(settings, empty, NOW) == energy.CurrentPower(None, None, None, None, energy.NO_POWER)
    assert energy.circuits(empty, NOW) == energy.correlations(empty, NOW) == []
    assert energy.top_consumers(settings, empty, NOW) == []
    assert energy.statistics(settings, empty, NOW).average_power_w is None
    impact = energy.device_impact(settings, empty, "fan.attic", NOW)
    assert (impact.domain, impact.estimated_daily_kwh, impact.reason) == ("fan", None, energy.NO_EVENTS)
    empty.close()


def test_yesterdays_energy_is_not_todays(settings, store):
    early = closing(LAST, BERLIN) + pd.Timedelta(minutes=4)
    assert energy.current(settings, store, early).daily_kwh is None


def test_the_export_holds_power_events_and_results_as_they_are_stored(settings, store, tmp_path):
    assert export_to_folder(settings, store, tmp_path) >= 6
    lines = (tmp_path / "home_power.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "time,entity_id,power_w,available"
    assert len(lines) - 1 == len(samples(store)) + len(samples(store, COOKER))
    assert (tmp_path / "event_energy_correlation.csv").exists()


def test_five_minutes_of_which_little_is_known_weigh_little_in_the_mean(settings, tmp_path):
    """100 W over five known minutes and 700 W over one: (100 · 5 + 700 · 1) / 6 = 200 W."""
    empty = EmbeddedStore(tmp_path / "meters.sqlite")
    ends = pd.DatetimeIndex([NOW.floor("5min") - pd.Timedelta(minutes=5), NOW.floor("5min")])
    house = pd.DataFrame(
        {"total_power_w": [100.0, 700.0], "peak_power_w": [150.0, 720.0], "known_share": [1.0, 0.2]}, index=ends
    )
    write_five_minutes(empty, HOUSE, house, pd.DataFrame(columns=["time", "circuit_name", "power_w", "percentage"]))
    found = energy.statistics(settings, empty, NOW)
    assert found.average_power_w == pytest.approx(200.0)
    assert (found.peak_power_w, found.peak_time) == (720.0, ends[1])
    assert (found.current_power_w, found.reason) == (None, energy.NO_POWER)
    empty.close()

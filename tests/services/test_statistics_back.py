"""Hours given back to Home Assistant: what it has after each change equals the stored days, and no more is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from tests.clock import PatientClock
from tests.houses import SmallHouse
from tests.services.given_house import compute, named, recounted
from workflows_dagster.clients.home_assistant.blocking import HomeAssistant, home_assistant
from workflows_dagster.clients.home_assistant.errors import HomeAssistantError
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.records.made_from import replace_days
from workflows_dagster.records.sent_statistics import read_sent
from workflows_dagster.sample_house.home_assistant import LARGEST_MESSAGE, StandIn, running
from workflows_dagster.services.statistics_back import GivenBack
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import RawSeries

METERS = """\
meters:
  - {meter_id: Küche_1, type: physical, output_unit: Wh, installation_date: 2026-01-01, utility: electricity,
     source: {entity_id: kitchen}}
  - {meter_id: gas, type: physical, output_unit: m³, installation_date: 2026-01-01, utility: gas}
  - {meter_id: boiler, type: physical, output_unit: m³, installation_date: 2026-01-01, utility: gas}
  - {meter_id: stove, type: virtual, output_unit: m³, calculation_type: subtraction, base_meter: gas,
     subtract_meters: [boiler], utility: gas}
"""
FIRST, LAST = date(2026, 1, 1), date(2026, 4, 20)
GAS = {"2026-01-01": 0.0, "2026-02-10 12:00": 80.0, "2026-04-21 08:00": 150.0}
BOILER = {"2026-01-01": 0.0, "2026-03-05 12:00": 90.0, "2026-04-21 08:00": 130.0}


def house_of(make: Callable[..., SmallHouse], zone: str = "Europe/Berlin") -> SmallHouse:
    house = make(METERS.replace("Küche_1", "kueche_1"), config=f"timezone: {zone}")
    house.settings = named(house.settings, "gas", "boiler", "stove", "kueche_1")
    house.read("gas", GAS, "m³")
    house.read("boiler", BOILER, "m³")
    hours = pd.date_range("2026-03-28", "2026-03-31", freq="h", tz="UTC").as_unit("us")
    register = pd.Series([1000.0 * (k % 5 + k) for k in range(len(hours))], hours).cummax()
    house.store.write_readings(RawSeries("Wh", "kitchen"), register)
    compute(house.settings, house.store, FIRST, LAST)
    return house


@pytest.fixture
def house(small_house: Callable[..., SmallHouse]) -> SmallHouse:
    return house_of(small_house)


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn(version="2025.11.2")


@contextmanager
def connected(stand_in: StandIn) -> Iterator[HomeAssistant]:
    with running(stand_in) as url, home_assistant(url, stand_in.token) as assistant:
        yield assistant


def sums_of(stand_in: StandIn, statistic_id: str) -> pd.Series:
    sums = stand_in.statistics[statistic_id]["sums"]
    return pd.Series(sums, dtype=float).set_axis(pd.to_datetime(list(sums), unit="ms", utc=True)).sort_index()


def back_of(house: SmallHouse, settings: Settings | None = None, last: date = LAST) -> GivenBack:
    return GivenBack(settings or house.settings, house.store, last, PatientClock())


def give(house: SmallHouse, assistant: HomeAssistant, settings: Settings | None = None) -> dict[str, pd.Timestamp]:
    """Give everything back; the first hour that was sent, by meter."""
    back = back_of(house, settings)
    sent = back.give(list(back.meters), assistant)
    return {name: one.since for name, one in sent.items() if one.since is not None}


def assert_equal(house: SmallHouse, stand_in: StandIn, settings: Settings | None = None) -> None:
    """Each day of each meter as Home Assistant adds it up equals the stored day."""
    used = settings or house.settings
    for name in used.site.home_assistant.statistics:
        held = sums_of(stand_in, f"utility_meters:{name}")
        factor = 0.001 if name == "kueche_1" else 1.0
        days = recounted(used, house.store, name)
        assert days
        for hour, total in days.items():
            assert held[hour] == pytest.approx(total * factor, abs=2e-6), (name, hour)
        # Every hour once, and no hour without an end.
        assert (held.index[1:] - held.index[:-1] == pd.Timedelta(hours=1)).all()


def test_every_day_adds_up_to_the_stored_one(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        assert set(give(house, assistant)) == {"gas", "boiler", "stove", "kueche_1"}
    assert_equal(house, stand_in)
    said = stand_in.statistics["utility_meters:gas"]["metadata"]
    assert (said["unit_of_measurement"], said["unit_class"], said["mean_type"]) == ("m³", "volume", 0)
    assert stand_in.statistics["utility_meters:kueche_1"]["metadata"]["unit_of_measurement"] == "kWh"


def test_measured_hours_stay_as_measured(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
    used = sums_of(stand_in, "utility_meters:kueche_1").diff()
    readings = house.store.readings(RawSeries("Wh", "kitchen"))
    measured = readings.diff().shift(-1)["2026-03-28 00:00":"2026-03-30 20:00"]  # type: ignore[misc]
    assert used.reindex(measured.index).tolist() == pytest.approx((measured / 1000).tolist(), abs=2e-6)


def test_nothing_changed_nothing_sent(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
        messages = stand_in.messages
        assert back_of(house).due() == []
        assert give(house, assistant) == {}
        assert back_of(house).verify(assistant) == {}
    assert stand_in.messages == messages


def test_a_late_reading_sends_only_from_its_first_changed_hour_on(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
        house.read("gas", {"2026-03-10 09:00": 100.0}, "m³")
        compute(house.settings, house.store, date(2026, 2, 10), LAST)
        assert back_of(house).due() == ["gas", "stove"]
        sent = give(house, assistant)
    # The gap from 10 February noon on is another one: its first changed hour is that of the reading before.
    assert sent["gas"] == pd.Timestamp("2026-02-10 11:00", tz="UTC")
    assert set(sent) == {"gas", "stove"}
    assert_equal(house, stand_in)


def test_a_reading_within_a_day_that_changes_no_day_changes_its_hours(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
        series = house.store.readings(RawSeries("Wh", "kitchen"))
        at = pd.Timestamp("2026-03-29 10:00", tz="UTC")
        house.store.write_readings(RawSeries("Wh", "kitchen"), series[at:at] - 500.0)  # type: ignore[misc]
        compute(house.settings, house.store, date(2026, 3, 28), date(2026, 3, 30))
        sent = give(house, assistant)
    assert sent == {"kueche_1": at - pd.Timedelta(hours=1)}
    assert stand_in.sent_hours < 30_000
    assert_equal(house, stand_in)


def test_a_deleted_reading_comes_right(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
        moment = pd.Timestamp("2026-02-10 11:00", tz="UTC")
        house.store.delete_readings(RawSeries("m³", "gas"), moment, moment + pd.Timedelta(seconds=1))
        compute(house.settings, house.store, FIRST, LAST)
        give(house, assistant)
    assert_equal(house, stand_in)


def test_new_days_send_their_hours_alone(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        back_of(house, last=date(2026, 4, 18)).give(["boiler"], assistant)
        before = stand_in.sent_hours
        sent = back_of(house).give(["boiler"], assistant)["boiler"]
    assert sent.since == pd.Timestamp("2026-04-18 22:00", tz="UTC")
    assert stand_in.sent_hours - before == 48


def test_days_that_lose_their_value_keep_the_sum(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
        series = RawSeries("Wh", "kitchen")
        house.store.delete_readings(series, pd.Timestamp("2026-03-30", tz="UTC"), pd.Timestamp("2026-04-01", tz="UTC"))
        compute(house.settings, house.store, FIRST, LAST)
        give(house, assistant)
    assert_equal(house, stand_in)


def test_a_first_day_that_moves_later_leaves_no_use_before_it(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
        january = DayRange(FIRST, date(2026, 1, 31))
        nothing = Evaluation(house.settings, house.store).days("boiler", january).days[:0]
        replace_days(house.store, "boiler", "m³", house.settings.site.zone, january, nothing)
        give(house, assistant)
    held = sums_of(stand_in, "utility_meters:boiler")
    assert held[held.index < pd.Timestamp("2026-01-31 23:00", tz="UTC")].unique().tolist() == [0.0]
    assert_equal(house, stand_in, named(house.settings, "boiler"))


def test_a_send_that_breaks_in_the_middle_is_finished_by_the_next(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
    house.read("gas", {"2026-01-20 09:00": 70.0}, "m³")
    compute(house.settings, house.store, FIRST, LAST)
    sends = iter(range(10))

    def break_second() -> None:
        if next(sends) == 1:
            stand_in.drop_connections()

    stand_in.on_import = break_second
    with pytest.raises(HomeAssistantError), connected(stand_in) as assistant:
        give(house, assistant)
    stand_in.on_import = None
    # The reading is taken back: what was sent of it must not stay.
    moment = pd.Timestamp("2026-01-20 08:00", tz="UTC")
    house.store.delete_readings(RawSeries("m³", "gas"), moment, moment + pd.Timedelta(seconds=1))
    compute(house.settings, house.store, FIRST, LAST)
    with connected(stand_in) as assistant:
        give(house, assistant)
    assert_equal(house, stand_in)


def test_what_home_assistant_stores_late_is_waited_for(house: SmallHouse, stand_in: StandIn) -> None:
    stand_in.lag = 7
    with connected(stand_in) as assistant:
        give(house, assistant)
    assert_equal(house, stand_in)


def test_sums_that_do_not_read_back_are_no_success(house: SmallHouse, stand_in: StandIn) -> None:
    stand_in.lag = 10**9
    with connected(stand_in) as assistant, pytest.raises(HomeAssistantError, match="do not read back"):
        give(house, assistant)
    assert read_sent(house.store, "gas", house.settings.site.zone) == {}
    stand_in.lag = 0
    with connected(stand_in) as assistant:
        give(house, assistant)
    assert_equal(house, stand_in)


def test_a_month_that_home_assistant_lost_is_found_and_sent_again(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
        held = stand_in.statistics["utility_meters:gas"]["sums"]
        for hour in [one for one in held if one >= pd.Timestamp("2026-03-15", tz="UTC").timestamp() * 1000]:
            del held[hour]
        assert back_of(house).verify(assistant) == {"gas": date(2026, 3, 1)}
        assert give(house, assistant)["gas"] == pd.Timestamp("2026-03-15", tz="UTC")
    assert_equal(house, stand_in)


def test_a_statistic_that_was_cleared_there_is_sent_as_a_whole(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
        del stand_in.statistics["utility_meters:gas"]
        # Nothing has changed here, so only the look at what is there finds it.
        assert back_of(house).verify(assistant) == {"gas": FIRST}
        give(house, assistant)
    assert_equal(house, stand_in)


def test_a_new_description_reaches_home_assistant(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
        meters = [
            meter.model_copy(update={"description": "Gas of the house"}) if meter.meter_id == "gas" else meter
            for meter in house.settings.meters
        ]
        renamed = replace(house.settings, meters=type(house.settings.meters)(meters))
        assert back_of(house, renamed).due() == ["gas"]
        give(house, assistant, renamed)
    assert stand_in.statistics["utility_meters:gas"]["metadata"]["name"] == "Gas of the house"
    assert_equal(house, stand_in)


def test_a_meter_that_is_no_longer_named_is_told_and_can_be_cleared(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
        fewer = named(house.settings, "gas")
        back = back_of(house, fewer)
        assert back.left_over() == ["boiler", "kueche_1", "stove"]
        back.clear("boiler", assistant)
        assert back.left_over() == ["kueche_1", "stove"]
        assert "utility_meters:boiler" not in stand_in.statistics
        # One that is still given back is sent again as a whole.
        back.clear("gas", assistant)
        assert set(give(house, assistant, fewer)) == {"gas"}
    assert_equal(house, stand_in, fewer)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"])
def test_days_of_every_zone_add_up(small_house: Callable[..., SmallHouse], stand_in: StandIn, zone: str) -> None:
    house = house_of(small_house, zone)
    with connected(stand_in) as assistant:
        give(house, assistant)
        # Half-hour zones share an hour between two days, and two months.
        house.read("gas", {"2026-03-01 00:10": 95.0}, "m³")
        compute(house.settings, house.store, FIRST, LAST)
        give(house, assistant)
        assert back_of(house).due() == []
        assert back_of(house).verify(assistant) == {}
    for name in ("gas", "stove"):
        held, zoned = sums_of(stand_in, f"utility_meters:{name}"), recounted(house.settings, house.store, name)
        assert held.iloc[-1] == pytest.approx(list(zoned.values())[-1], abs=2e-6)
        if zone == "America/New_York":
            assert {hour: held[hour] for hour in zoned} == pytest.approx(zoned, abs=2e-6)


@pytest.mark.parametrize("version", ["2024.3.3", "2025.3.4", "2025.4.0", "2025.10.4", "2025.11.1", "2026.4.0"])
def test_each_version_gets_the_keys_that_it_knows(house: SmallHouse, version: str) -> None:
    stand_in = StandIn(version=version)
    with connected(stand_in) as assistant:
        give(house, assistant, named(house.settings, "gas"))
    assert "utility_meters:gas" in stand_in.statistics


def test_messages_stay_small(house: SmallHouse, stand_in: StandIn) -> None:
    with connected(stand_in) as assistant:
        give(house, assistant)
    assert stand_in.largest < LARGEST_MESSAGE

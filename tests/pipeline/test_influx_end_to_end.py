"""The whole of the graph against a real InfluxDB: backfill, repair, what is wrong, and a server that dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import copytree
from textwrap import dedent

import dagster as dg
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from tests.houses import CONFIG, fit_profiles
from tests.pipeline.small_house import HOUSE, compute_without_what_follows, meters_of, night, run, span_of, tick
from tests.stores.influx_server import ORG, TOKEN, InfluxServer, executable, free_port
from workflows_dagster.cli import main
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.pipeline.backfill import BackfillError, backfill, dagster_instance, fit_missing_profiles
from workflows_dagster.pipeline.storage.event_log import BATCH_SIZE_VARIABLE
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.repair.missing import missing_days
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.influx.store import InfluxStore
from workflows_dagster.stores.open import EMBEDDED_FILE
from workflows_dagster.stores.ports import (
    CONSUMPTION_DAILY,
    MEASUREMENTS,
    PROFILE,
    READINGS_CHANGED,
    REGISTER_DAILY,
    Measurement,
    RawSeries,
    Store,
)

TARIFFS = "tariffs: [{utility: electricity, prices: [{valid_from: 2020-01-01, unit_price: 0.3, per: kWh}]}]"
ALL = ["main", "flat", "rest"]
FIRST, LAST = date(2026, 1, 1), date(2026, 4, 30)
WINTER_ENDS = date(2026, 2, 14)
# In the order in which they are computed.
MANY = ["flat_1", "flat_2", "flat_3", "main", "rest"]
FLATS = MANY[:3]
MANY_FLATS = (
    "meters:"
    + "".join(
        f"""
  - {{meter_id: {meter}, type: physical, output_unit: kWh, installation_date: {installed}}}"""
        for meter, installed in [*((flat, "2026-01-15") for flat in FLATS), ("main", "2026-01-01")]
    )
    + f"""
  - meter_id: rest
    type: virtual
    output_unit: kWh
    calculation_type: subtraction
    base_meter: main
    subtract_meters: {FLATS}
"""
)
# Here the flats have two weeks more, which must go.
MANY_FLATS_BEFORE = MANY_FLATS.replace("2026-01-15", "2026-01-01")
SITE = {"timezone": "Europe/Berlin", "workflows": {"analytics": {"start_year": 2026}}}

SHIPPED_READ = pd.Timestamp("2024-09-20", tz="UTC"), pd.Timestamp("2025-01-12", tz="UTC")
SHIPPED_DAYS = DayRange(date(2024, 10, 25), date(2024, 12, 31))

Stored = dict[tuple[str, str], pd.DataFrame]


class House:
    """A house on disk over one of the backends."""

    def __init__(self, folder: Path, environ: Mapping[str, str], store: Store) -> None:
        self.folder, self.environ, self.store = folder, dict(environ), store
        self.settings: Settings = load(environ=environ)

    def read(self, meter_id: str, readings: Mapping[str, float]) -> None:
        """Write readings at local times."""
        index = pd.DatetimeIndex([self.at(text) for text in readings]).as_unit("us")
        self.store.write_readings(RawSeries("kWh", meter_id), pd.Series(list(readings.values()), index=index))

    def forget(self, meter_id: str, text: str) -> None:
        """Delete the reading at a local time."""
        at = self.at(text)
        self.store.delete_readings(RawSeries("kWh", meter_id), at, at + pd.Timedelta(seconds=1))

    def at(self, text: str) -> pd.Timestamp:
        return pd.Timestamp(text, tz=self.settings.site.zone).tz_convert("UTC")

    def describe(self, meters: str) -> None:
        """Replace meters.yaml."""
        (self.folder / "config" / "meters.yaml").write_text(dedent(meters), encoding="utf-8")
        self.settings = load(environ=self.environ)

    def configure(self, **changes: object) -> None:
        """Change the InfluxDB section of config.yaml."""
        path = self.folder / "config" / "config.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content["influxdb"].update(changes)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        self.settings = load(environ=self.environ)

    def stored(self, measurements: Sequence[Measurement] = (REGISTER_DAILY, CONSUMPTION_DAILY, PROFILE)) -> Stored:
        """What the processed store holds of every meter's days, or of other measurements."""
        return {
            (measurement.name, meter.meter_id): self.store.read(measurement, meter.meter_id)
            for measurement in measurements
            for meter in self.settings.meters
        }


RESULTS = tuple(measurement for measurement in MEASUREMENTS if measurement != READINGS_CHANGED)


def write_config(folder: Path, meters: str | None, site: Mapping[str, object]) -> None:
    """Write the configuration of a small house, or the shipped one over another site."""
    if meters is None:
        copytree(CONFIG, folder / "config")
        shipped = yaml.safe_load((CONFIG / "config.yaml").read_text(encoding="utf-8"))
        site = {**shipped, **site}
    else:
        (folder / "config").mkdir(parents=True)
        (folder / "config" / "meters.yaml").write_text(dedent(meters), encoding="utf-8")
        (folder / "config" / "seasonal_patterns.yaml").write_text("patterns: {}", encoding="utf-8")
        site = {**SITE, **site}
        (folder / "config" / "tariffs.yaml").write_text(TARIFFS, encoding="utf-8")
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(site), encoding="utf-8")


def environ_of(folder: Path) -> dict[str, str]:
    return {
        "METERS_CONFIG_DIR": str(folder / "config"),
        "METERS_DATA_DIR": str(folder / "data"),
        "METERS_SECRETS_DIR": str(folder / "secrets"),
        "DAGSTER_HOME": str(folder / "dagster"),
        "INFLUX_TOKEN": TOKEN,
        "INFLUX_ORG": ORG,
        "TIBBER_API_TOKEN": "",
    }


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back what the graph sets."""
    for name in ("INFLUX_TOKEN", "INFLUX_ORG", "TIBBER_API_TOKEN", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "2000")


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Make houses, each over a pair of buckets of its own or, without a server, over a file."""
    made: list[House] = []

    def make(server: InfluxServer | None, meters: str | None = HOUSE, **influx: object) -> House:
        folder = tmp_path / f"house {len(made)}"
        if server is None:
            write_config(folder, meters, {"storage": {"backend": "embedded"}})
            store: Store = EmbeddedStore(folder / "data" / EMBEDDED_FILE)
        else:
            opened = server.store()
            raw, processed = buckets_of(opened)
            section = {
                "url": server.url, "bucket_raw": raw, "bucket_processed": processed, "retry_attempts": 0, **influx
            }  # fmt: skip
            write_config(folder, meters, {"storage": {"backend": "influxdb"}, "influxdb": section})
            store = opened
        made.append(House(folder, environ_of(folder), store))
        return made[-1]

    yield make
    for house in made:
        house.store.close()


def buckets_of(store: Store) -> tuple[str, str]:
    assert isinstance(store, InfluxStore)
    raw, processed = repr(store).split("raw=")[1].rstrip(")").split(", processed=")
    return raw.strip("'"), processed.strip("'")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster home as ours, with the event log in batches."""
    with dagster_instance(tmp_path / "home") as instance:
        yield instance


@pytest.fixture(scope="module")
def _mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    if executable() is None:
        pytest.skip("no influxd on the PATH: put InfluxDB 2.x there to run this against a real server")
    server = InfluxServer(tmp_path_factory.mktemp("mortal"))
    try:
        server.start()
        server.set_up()
        yield server
    finally:
        server.close()


@pytest.fixture
def mortal(_mortal: InfluxServer) -> InfluxServer:
    """A server that tests may kill; it runs when a test begins."""
    _mortal.kill()
    _mortal.start()
    return _mortal


def materialize_alone(house: House, first: date, last: date, *, fit: bool = True) -> None:
    """Fit the profiles and write the days without Dagster, which takes most of the time."""
    if fit:
        fit_profiles(house.settings, house.store, pd.Timestamp.now("UTC"))
    evaluation, zone = Evaluation(house.settings, house.store), house.settings.site.zone
    for meter in house.settings.meters.in_order():
        frame = evaluation.days(meter.meter_id, DayRange(first, last)).days
        start, end = days.opening(first, zone), days.closing(last, zone)
        write_days(house.store, meter.meter_id, meter.output_unit, start, end, frame)


def move_in(house: House) -> None:
    """Read the meters of the small house once a month, until after its last day."""
    house.read("main", {f"2026-{month:02d}-01 08:00": 300.0 * month for month in range(1, 8)})
    house.read("flat", {f"2026-{month:02d}-01 08:00": 100.0 * month for month in range(1, 8)})


def move_into_many_flats(house: House) -> None:
    """Read every meter once a week, from the first day until after the last."""
    weeks = [str(week) for week in pd.date_range("2026-01-01 08:00", "2026-02-26 08:00", freq="7D")]
    for number, meter in enumerate(MANY[:-1], start=1):
        house.read(meter, {week: round(7.3 * number**1.5 * k + (k % 3) * 0.1, 3) for k, week in enumerate(weeks)})


def assert_same(left: Stored, right: Stored) -> None:
    """Compare everything to the last bit, units and absent values too."""
    assert left.keys() == right.keys()
    for key, frame in left.items():
        pd.testing.assert_frame_equal(frame, right[key], check_exact=True, check_freq=False, obj=str(key))


def writes(server: InfluxServer) -> int:
    """Count what the server was ever asked to write or delete."""
    answer = server._pool.request("GET", server.url + "/metrics")
    return sum(
        int(float(line.rsplit(" ", 1)[1]))
        for line in answer.data.decode().splitlines()
        if line.startswith("http_api_requests_total")
        and ('path="/api/v2/write"' in line or 'path="/api/v2/delete"' in line)
    )


# The same days


def test_a_full_backfill_gives_the_days_of_the_embedded_store_and_a_repeat_writes_nothing(
    influx_server: InfluxServer, houses: Callable[..., House], home: dg.DagsterInstance
) -> None:
    ours, owners = houses(None), houses(influx_server)
    for house in (ours, owners):
        move_in(house)
        backfill(house.settings, home, ALL, DayRange(FIRST, LAST))
    everything = owners.stored(RESULTS)
    assert len(everything["meter_consumption", "rest"]) == DayRange(FIRST, LAST).count
    assert len(everything["meter_cost", "main"]) == DayRange(FIRST, LAST).count
    assert_same(everything, ours.stored(RESULTS))
    before, hour = writes(influx_server), datetime.now(UTC).hour
    assert before > 0
    backfill(owners.settings, home, ALL, DayRange(FIRST, LAST))
    if datetime.now(UTC).hour != hour:
        # How old the newest reading is has been told anew with the hour.
        before = writes(influx_server)
        backfill(owners.settings, home, ALL, DayRange(FIRST, LAST))
    assert writes(influx_server) == before
    assert_same(owners.stored(RESULTS), everything)


def test_the_shipped_house_over_a_winter_with_both_replacements_has_the_days_of_the_embedded_store(
    influx_server: InfluxServer, houses: Callable[..., House], home: dg.DagsterInstance, sample_store: EmbeddedStore
) -> None:
    ours, owners = houses(None, None), houses(influx_server, None, timeout=30_000)
    for row in sample_store.catalogue().itertuples():
        series = RawSeries(row.measurement, row.entity_id, row.field, row.domain)
        readings = sample_store.readings(series, *SHIPPED_READ)
        for house in (ours, owners):
            house.store.write_readings(series, readings)
    assert fit_missing_profiles(owners.settings, home)
    everyone = [meter.meter_id for meter in owners.settings.meters.in_order()]
    compute_without_what_follows(owners.settings, home, everyone, SHIPPED_DAYS.first, SHIPPED_DAYS.last)
    materialize_alone(ours, SHIPPED_DAYS.first, SHIPPED_DAYS.last)
    found, expected = owners.stored(), ours.stored()
    # A profile is stamped with the moment at which it was fitted.
    profiles = [key for key in found if key[0] == "meter_profile"]
    assert sum(len(found[key]) for key in profiles) > 10
    for key in profiles:
        pd.testing.assert_frame_equal(
            found.pop(key).reset_index(drop=True), expected.pop(key).reset_index(drop=True), check_exact=True
        )
    # Between the replacements not every meter is there.
    assert len(found["meter_consumption", "strom_total"]) == SHIPPED_DAYS.count
    assert sum(map(len, found.values())) > 40 * SHIPPED_DAYS.count
    assert_same(found, expected)


# Late readings


def test_a_late_reading_is_found_repaired_and_the_next_look_is_quiet(
    influx_server: InfluxServer, houses: Callable[..., House], home: dg.DagsterInstance
) -> None:
    house = houses(influx_server)
    move_in(house)
    compute_without_what_follows(house.settings, home, ALL, FIRST, LAST)
    requests, cursor, _ = tick(house, home)
    assert requests == []
    changes: list[tuple[Callable[[], None], tuple[str, str], float]] = [
        (lambda: house.read("flat", {"2026-03-15 08:00": 310.0}), ("2026-03-01", "2026-04-01"), 10 / 14),
        (lambda: house.read("flat", {"2026-03-15 08:00": 328.0}), ("2026-03-01", "2026-04-01"), 28 / 14),
        (lambda: house.forget("flat", "2026-03-15 08:00"), ("2026-03-01", "2026-04-01"), 100 / 31),
    ]
    for change, span, a_day in changes:
        change()
        (request,), cursor, _ = tick(house, home, cursor)
        assert (meters_of(request), span_of(request)) == (["flat", "rest"], span)
        run(house, home, request)
        flat, rest = read_days(house.store, "flat"), read_days(house.store, "rest")
        march_5 = house.at("2026-03-05")
        assert flat["consumption"][march_5] == pytest.approx(a_day, rel=2e-2)
        assert rest["consumption"][march_5] == pytest.approx(300 / 31 - a_day, rel=2e-2)
        requests, cursor, reason = tick(house, home, cursor)
        assert (requests, reason) == ([], "No reading has changed.")


# What is wrong


@contextmanager
def wrong_token(house: House, server: InfluxServer) -> Iterator[str]:
    house.environ["INFLUX_TOKEN"] = "another-token-that-nobody-may-read"
    house.configure()
    yield f"InfluxDB at {server.url}: the token is not accepted (401). Check INFLUX_TOKEN."


@contextmanager
def missing_bucket(house: House, server: InfluxServer) -> Iterator[str]:
    house.configure(bucket_processed="not there")
    yield (
        f"InfluxDB at {server.url}: there is no bucket 'not there' in organisation 'home', or the token may not see it."
        " Create it, correct its name in config.yaml, or give the token access."
    )


@contextmanager
def unreachable(house: House, server: InfluxServer) -> Iterator[str]:
    url = f"http://127.0.0.1:{free_port()}"
    house.configure(url=url)
    yield f"InfluxDB at {url}: not reachable while reading"


@pytest.mark.parametrize("fault", [wrong_token, missing_bucket, unreachable])
def test_what_is_wrong_is_one_sentence_wherever_it_is_met(
    fault: Callable[..., object], influx_server: InfluxServer, houses: Callable[..., House], home: dg.DagsterInstance
) -> None:
    house = houses(influx_server)
    move_in(house)
    with fault(house, influx_server) as sentence:  # type: ignore[attr-defined]
        with pytest.raises(BackfillError) as caught:
            backfill(house.settings, home, ALL, DayRange(FIRST, LAST))
        assert str(caught.value).startswith(f"flat: {sentence}")
        shown = CliRunner().invoke(main, ["show", "main"], env=house.environ)
        computed = CliRunner().invoke(main, ["backfill", "--to", "2026-01-31"], env=house.environ)
    for result in (shown, computed):
        assert result.exit_code == 1
        assert sentence in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
    for text in (str(caught.value), shown.output, computed.output):
        assert "Traceback" not in text
        assert "nobody-may-read" not in text
        assert text.strip().endswith(".")
        assert "Check" in text or "Create" in text
    assert len(str(caught.value).splitlines()) == 1


# A day that is gone


def test_a_day_that_the_server_lost_is_seen_to_be_missing_and_the_night_restores_it(
    influx_server: InfluxServer, houses: Callable[..., House], home: dg.DagsterInstance
) -> None:
    house = houses(influx_server)
    move_in(house)
    compute_without_what_follows(house.settings, home, ALL, FIRST, LAST)
    before = house.stored()
    everything = {meter: [day.date() for day in pd.date_range(FIRST, LAST)] for meter in ALL}
    assert missing_days(house.settings, house.store, everything, DayRange(FIRST, LAST)) == {}
    zone = house.settings.site.zone
    start, stop = days.opening(date(2026, 2, 3), zone), days.opening(date(2026, 2, 4), zone)
    _, processed = buckets_of(house.store)
    influx_server.ask(
        "POST",
        f"/api/v2/delete?org={ORG}&bucket={processed.replace(' ', '%20')}",
        {"start": start.isoformat(), "stop": stop.isoformat(), "predicate": 'meter_id="flat"'},
    )
    # The server deletes both ends.
    lost = {"flat": {date(2026, 2, 3), date(2026, 2, 4)}}
    assert missing_days(house.settings, house.store, everything, DayRange(FIRST, LAST)) == lost
    (request,) = night(house, home, datetime(2026, 5, 1, tzinfo=UTC))
    assert (meters_of(request), span_of(request)) == (["flat"], ("2026-02-03", "2026-02-04"))
    run(house, home, request)
    assert_same(house.stored(), before)
    assert night(house, home, datetime(2026, 5, 1, tzinfo=UTC)) == []


# A server that dies


class Death:
    """Kills a server as soon as a moment has come, which another connection watches for."""

    def __init__(self, server: InfluxServer, house: House, kill: Callable[[], None]) -> None:
        self.done: list[str] = []
        self._kill = kill
        raw, processed = buckets_of(house.store)
        self._store = server.store(bucket_raw=raw, bucket_processed=processed)
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def progress(self, step: str) -> None:
        """Take note of a meter that is done; none is begun after the moment."""
        if step in MANY:
            self.done.append(step)
        if step == "flat_2":
            self._watch.join()

    def _look(self) -> None:
        due = time.monotonic() + 20
        while not self.has_come(self._store) and time.monotonic() < due:
            time.sleep(0.01)
        self._store.close()
        self._kill()

    def has_come(self, store: Store) -> bool:
        raise NotImplementedError


class BetweenTwoMeters(Death):
    def has_come(self, store: Store) -> bool:
        return "flat_2" in self.done


class InTheMiddleOfAMeter(Death):
    """The registers of a meter's days stand there; their consumption is on its way."""

    def has_come(self, store: Store) -> bool:
        return points(store, "flat_2", REGISTER_DAILY) > 0


class WhileDaysAreDeleted(Death):
    """A meter was installed later than was thought, and its first days are going."""

    def has_come(self, store: Store) -> bool:
        return points(store, "flat_2", REGISTER_DAILY) < DayRange(FIRST, WINTER_ENDS).count


def points(store: Store, meter: str, measurement: Measurement) -> int:
    year = pd.Timestamp("2025-12-01", tz="UTC"), pd.Timestamp("2027-01-01", tz="UTC")
    return len(store.present(measurement, *year).get(meter, ()))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """What the house of many flats comes to when nothing happens, computed over the embedded store."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_config(folder, MANY_FLATS, {"storage": {"backend": "embedded"}})
    house = House(folder, environ_of(folder), EmbeddedStore(folder / "data" / EMBEDDED_FILE))
    move_into_many_flats(house)
    # A run of the days alone fits no profiles.
    materialize_alone(house, FIRST, WINTER_ENDS, fit=False)
    stored = house.stored()
    house.store.close()
    return stored


@pytest.mark.parametrize("moment", [BetweenTwoMeters, InTheMiddleOfAMeter, WhileDaysAreDeleted])
def test_a_server_that_dies_is_a_clear_error_and_a_second_run_ends_as_if_nothing_had_happened(
    moment: type[Death],
    mortal: InfluxServer,
    houses: Callable[..., House],
    home: dg.DagsterInstance,
    undisturbed: Stored,
) -> None:
    house = houses(mortal, MANY_FLATS_BEFORE if moment is WhileDaysAreDeleted else MANY_FLATS)
    move_into_many_flats(house)
    if moment is WhileDaysAreDeleted:
        materialize_alone(house, FIRST, WINTER_ENDS, fit=False)
        house.describe(MANY_FLATS)
    death = moment(mortal, house, mortal.kill)
    with pytest.raises(
        BackfillError, match=r"^(flat_\d|main): InfluxDB at \S+: .* while .*\. Check that InfluxDB is running"
    ) as caught:
        backfill(house.settings, home, MANY, DayRange(FIRST, WINTER_ENDS), death.progress)
    assert len(str(caught.value).splitlines()) == 1
    assert "flat_1" in death.done
    assert "rest" not in death.done
    mortal.start()
    survived = house.stored()
    for measurement in (REGISTER_DAILY, CONSUMPTION_DAILY):
        for meter in death.done:
            key = measurement.name, meter
            pd.testing.assert_frame_equal(survived[key], undisturbed[key], check_exact=True, check_freq=False)
    with pytest.raises(AssertionError):
        assert_same(survived, undisturbed)
    backfill(house.settings, home, MANY, DayRange(FIRST, WINTER_ENDS))
    assert_same(house.stored(), undisturbed)


def test_a_run_waits_for_a_server_that_comes_back_and_goes_on(
    mortal: InfluxServer, houses: Callable[..., House], home: dg.DagsterInstance, undisturbed: Stored
) -> None:
    house = houses(mortal, MANY_FLATS, retry_attempts=5)
    move_into_many_flats(house)

    rise = threading.Timer(0.5, mortal.start)

    def die_and_rise() -> None:
        mortal.kill()
        rise.start()

    death = InTheMiddleOfAMeter(mortal, house, die_and_rise)
    try:
        backfill(house.settings, home, MANY, DayRange(FIRST, WINTER_ENDS), death.progress)
    finally:
        rise.join()
    assert death.done == MANY
    assert_same(house.stored(), undisturbed)

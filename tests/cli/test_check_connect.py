"""`meters check --connect`: what is reachable, allowed and there, and what to do otherwise."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.front_door import FrontDoor, at
from tests.clients.tibber_server import StandInHome, TibberStandIn
from tests.stores.influx_server import ORG, TOKEN, InfluxServer, free_port
from tests.stores.scripted_influx import NOTHING, Answer, ScriptedInflux, refusal
from workflows_dagster.pipeline.storage.home import ensure_home
from workflows_dagster.stores.ports import RawSeries

EVENT_LOG = "workflows_dagster.pipeline.storage.event_log"
SECRET = "never-to-be-seen-in-print"
NAN = float("nan")
RAW, PROCESSED = RawSeries("kWh", "haupt_strom"), "lampfi_processed"


def use_influx(house: FrontDoor, url: str, token: str = SECRET, **buckets: str) -> None:
    house.configure(
        storage={"backend": "influxdb"}, influxdb={"url": url, "timeout": 5000, "retry_attempts": 5, **buckets}
    )
    house.secrets(INFLUX_TOKEN=token, INFLUX_ORG=ORG)


def bucket(name: str, **rule: int) -> Answer:
    rules = f'{{"everySeconds": 0, "shardGroupDurationSeconds": {rule["shard"]}}}' if rule else ""
    body = f'{{"buckets": [{{"name": "{name}", "id": "1", "retentionRules": [{rules}]}}]}}'
    return Answer(200, body, {"Content-Type": "application/json"})


PING = Answer(204, headers={"X-Influxdb-Version": "v2.7.11"})
WRITTEN = Answer(204)
NO_READINGS = (NOTHING, NOTHING, NOTHING)
# The three measurements of findings, what was added last, and both of unusual days, empty.
NO_FINDINGS = [NO_READINGS[-1]] * 6
ALLOWED = (PING, bucket("lampfi"), WRITTEN, bucket(PROCESSED), WRITTEN)


# Without --connect


def test_nothing_is_asked_without_connect(house: FrontDoor) -> None:
    use_influx(house, f"http://127.0.0.1:{free_port()}")
    result = house.run("check")
    assert result.exit_code == 0, result.output
    assert "Tibber" not in result.output


def test_a_broken_configuration_is_2_before_anything_is_asked(house: FrontDoor) -> None:
    house.configure(timezone="Europe/Berlim")
    result = house.run("check", "--connect")
    assert result.exit_code == 2
    assert "Europe/Berlin" in result.output
    assert "Dagster home" not in result.output


# The embedded file


def test_a_fresh_clone_is_good_and_nothing_is_made(house: FrontDoor) -> None:
    result = house.run("check", "--connect")
    assert result.exit_code == 0, result.output
    assert "not there yet; `meters import` or `meters demo` makes it" in result.output
    assert "Tibber: there is no token" in result.output
    assert "Dagster home" in result.output
    assert not (house.folder / "data").exists()
    assert not (house.folder / "dagster").exists()


def test_the_newest_reading_of_the_meters_is_told_in_local_time(house: FrontDoor) -> None:
    house.read(RAW, at({"2026-11-20 06:00": 5.0, "2026-11-21 06:00": 6.0}))
    house.read(RawSeries("°C", "outside"), at({"2026-11-21 07:30": 4.0}))
    result = house.run("check", "--connect")
    assert result.exit_code == 0, result.output
    assert "can be read and written; newest reading 2026-11-21 07:00 (haupt_strom)." in result.output
    assert "1 of 2 physical meters has no reading: gas_zahler." in result.output


def test_a_file_that_is_no_database_is_1_and_tibber_and_home_are_looked_at_all_the_same(house: FrontDoor) -> None:
    house.database.parent.mkdir()
    house.database.write_bytes(b"not a database at all, but long enough to be looked at as one" * 100)
    result = house.run("check", "--connect")
    assert result.exit_code == 1
    assert "this is not a SQLite database" in result.stderr
    assert "Tibber" in result.stdout
    assert "Dagster home" in result.stdout


# A real InfluxDB


def test_a_good_server_is_one_line(house: FrontDoor, influx_server: InfluxServer) -> None:
    influx_server.bucket("good raw")
    use_influx(house, influx_server.url, TOKEN, bucket_raw="good raw", bucket_processed="good processed")
    influx_server.lines("good raw", "kWh,entity_id=haupt_strom,domain=sensor value=5 1795240800000000")
    result = house.run("check", "--create-bucket")
    assert result.exit_code == 0, result.output
    again = house.run("check", "--connect")
    assert again.exit_code == 0, again.output
    version = influx_server.ask("GET", "/health")["version"].removeprefix("v")
    assert (
        f"InfluxDB {influx_server.url}: reachable ({version}), the token may read 'good raw' and write "
        "'good processed'; newest reading 2026-11-21 07:00 (haupt_strom)."
    ) in again.output
    assert "shard" not in again.output
    assert TOKEN not in result.output + again.output


def test_a_missing_processed_bucket_is_1_and_created_only_when_asked_for(
    house: FrontDoor, influx_server: InfluxServer
) -> None:
    influx_server.bucket("raw alone")
    use_influx(house, influx_server.url, TOKEN, bucket_raw="raw alone", bucket_processed="to be made")
    missing = house.run("check", "--connect")
    assert missing.exit_code == 1
    assert "there is no bucket 'to be made'" in missing.stderr
    assert "`meters check --create-bucket` creates it." in missing.stderr
    assert "the token may read 'raw alone'; it holds no readings yet." in missing.stdout
    made = house.run("check", "--create-bucket")
    assert made.exit_code == 0, made.output
    assert "created bucket 'to be made'" in made.output
    (rule,) = influx_server.ask("GET", "/api/v2/buckets?name=to%20be%20made")["buckets"][0]["retentionRules"]
    assert rule["shardGroupDurationSeconds"] == 364 * 86_400
    again = house.run("check", "--create-bucket")
    assert again.exit_code == 0
    assert "created" not in again.output


def test_the_default_shards_of_a_processed_bucket_are_told(house: FrontDoor, influx_server: InfluxServer) -> None:
    influx_server.bucket("short raw")
    influx_server.bucket("short processed")
    use_influx(house, influx_server.url, TOKEN, bucket_raw="short raw", bucket_processed="short processed")
    result = house.run("check", "--connect")
    assert result.exit_code == 0, result.output
    assert "Bucket 'short processed' opens a new shard every 7 days" in result.output


def test_a_wrong_token_is_1_with_what_to_do(house: FrontDoor, influx_server: InfluxServer) -> None:
    use_influx(house, influx_server.url, SECRET)
    result = house.run("check", "--connect")
    assert result.exit_code == 1
    assert f"InfluxDB {influx_server.url}: reachable" in result.stdout
    assert "the token is not accepted (401). Check INFLUX_TOKEN." in result.stderr
    assert SECRET not in result.output


def test_a_token_that_only_reads_the_raw_bucket_suffices_until_tibber_must_write_there(
    house: FrontDoor, influx_server: InfluxServer
) -> None:
    org = influx_server.org_id()
    raw, processed = influx_server.bucket("read raw"), influx_server.bucket("write processed")
    rights = [
        {"action": action, "resource": {"type": "buckets", "id": number, "orgID": org}}
        for action, number in (("read", raw), ("read", processed), ("write", processed))
    ]
    token = str(influx_server.ask("POST", "/api/v2/authorizations", {"orgID": org, "permissions": rights})["token"])
    use_influx(house, influx_server.url, token, bucket_raw="read raw", bucket_processed="write processed")
    result = house.run("check", "--connect")
    assert result.exit_code == 0, result.output
    assert "the token may not write 'read raw'" in result.stdout
    house.configure(tibber={"url": f"http://127.0.0.1:{free_port()}", "meter_id": "haupt_strom"})
    house.secrets(INFLUX_TOKEN=token, INFLUX_ORG=ORG, TIBBER_API_TOKEN=SECRET)
    needed = house.run("check", "--connect")
    assert needed.exit_code == 1
    assert "the token may not write 'read raw'; Tibber's hours" in needed.stderr


# Servers that fail


def test_an_unreachable_server_is_1_at_once(house: FrontDoor) -> None:
    use_influx(house, f"http://127.0.0.1:{free_port()}")
    result = house.run("check", "--connect")
    assert result.exit_code == 1
    assert "not reachable" in result.stderr
    assert "Check that InfluxDB is running, and influxdb.url in config.yaml" in result.stderr
    assert SECRET not in result.output


def test_a_missing_raw_bucket_is_named_and_never_created(house: FrontDoor) -> None:
    nowhere = Answer(200, '{"buckets": []}', {"Content-Type": "application/json"})
    server = ScriptedInflux(PING, nowhere, bucket(PROCESSED), WRITTEN, bucket(PROCESSED, shard=31_449_600))
    use_influx(house, server.url)
    result = house.run("check", "--create-bucket")
    server.close()
    assert result.exit_code == 1
    assert "there is no bucket 'lampfi' in organisation 'home'" in result.stderr
    assert "the token may write 'lampfi_processed'." in result.stdout
    assert len(server.requests) == 5


def test_a_bucket_that_may_not_be_created_is_told_and_the_rest_too(house: FrontDoor) -> None:
    nowhere = Answer(200, '{"buckets": []}', {"Content-Type": "application/json"})
    refused = refusal(403, f"token {SECRET} has insufficient permissions")
    server = ScriptedInflux(PING, bucket("lampfi"), WRITTEN, nowhere, nowhere, refused, *NO_READINGS)
    use_influx(house, server.url)
    result = house.run("check", "--create-bucket")
    server.close()
    assert result.exit_code == 1
    assert "creating bucket 'lampfi_processed'" in result.stderr
    assert "the token may read 'lampfi'; it holds no readings yet." in result.stdout
    assert SECRET not in result.output


def test_a_person_at_the_terminal_is_asked_whether_to_create_it(house: FrontDoor) -> None:
    nowhere = Answer(200, '{"buckets": []}', {"Content-Type": "application/json"})
    org = Answer(200, '{"orgs": [{"id": "0123456789abcdef", "name": "home"}]}', {"Content-Type": "application/json"})
    made = Answer(201, '{"name": "lampfi_processed", "retentionRules": []}', {"Content-Type": "application/json"})
    server = ScriptedInflux(
        PING,
        bucket("lampfi"),
        WRITTEN,
        nowhere,
        nowhere,
        org,
        made,
        *ALLOWED,
        *NO_READINGS,
        bucket(PROCESSED),
        *NO_FINDINGS,
    )
    use_influx(house, server.url)
    keyboard, terminal = pty.openpty()
    os.write(keyboard, b"y\n")
    command = [sys.executable, "-c", "from workflows_dagster.cli import main; main()", "check", "--connect"]
    root = Path(__file__).parents[2]
    result = subprocess.run(command, stdin=terminal, capture_output=True, text=True, cwd=root, timeout=60, check=False)
    os.close(keyboard)
    os.close(terminal)
    server.close()
    assert "There is no bucket 'lampfi_processed'. Create it? [y/N]" in result.stdout
    assert result.returncode == 0, result.stdout + result.stderr
    assert "created bucket 'lampfi_processed'" in result.stdout


def test_what_a_buckets_retention_means_is_said(house: FrontDoor, influx_server: InfluxServer) -> None:
    for name, days in (("raw a month", 30), ("processed a quarter", 90), ("processed for ever", 0)):
        rule = {"type": "expire", "everySeconds": days * 86_400, "shardGroupDurationSeconds": 364 * 86_400}
        if days:
            rule["shardGroupDurationSeconds"] = 86_400
        content = {"orgID": influx_server.org_id(), "name": name, "retentionRules": [rule]}
        influx_server.ask("POST", "/api/v2/buckets", content)
    use_influx(house, influx_server.url, TOKEN, bucket_raw="raw a month", bucket_processed="processed for ever")
    result = house.run("check", "--connect")
    assert result.exit_code == 0, result.output
    assert (
        "Bucket 'raw a month' keeps readings for 30 days. The days that were computed from them stay" in result.stdout
    )
    use_influx(house, influx_server.url, TOKEN, bucket_raw="raw a month", bucket_processed="processed a quarter")
    result = house.run("check", "--connect")
    assert result.exit_code == 1
    assert "Bucket 'processed a quarter' keeps days, months and costs for 90 days only" in result.stderr


def test_a_server_that_does_not_tell_its_shards_is_good(house: FrontDoor) -> None:
    server = ScriptedInflux(*ALLOWED, *NO_READINGS, bucket(PROCESSED), *NO_FINDINGS)
    use_influx(house, server.url)
    result = house.run("check", "--connect")
    server.close()
    assert result.exit_code == 0, result.output
    assert "shard" not in result.output


def test_a_server_that_fails_while_reading_is_asked_once(house: FrontDoor) -> None:
    server = ScriptedInflux(*ALLOWED, refusal(503, "overloaded"), bucket(PROCESSED))
    use_influx(house, server.url)
    result = house.run("check", "--connect")
    server.close()
    assert result.exit_code == 1
    assert "answered 503" in result.stderr
    assert "the token may read 'lampfi' and write 'lampfi_processed'." in result.stdout
    assert len(server.requests) == 7


# Tibber


def test_tibber_s_account_and_home_are_told(house: FrontDoor) -> None:
    hours = pd.date_range(end=pd.Timestamp.now("UTC").floor("h"), periods=6, freq="h", unit="us")
    consumption = pd.Series([0.5, 0.4, 0.3, NAN, NAN, NAN], hours)
    with TibberStandIn(consumption, SECRET, [StandInHome("id-house")]) as tibber:
        house.configure(tibber={"url": tibber.url, "meter_id": "haupt_strom"})
        house.secrets(TIBBER_API_TOKEN=SECRET)
        result = house.run("check", "--connect")
    assert result.exit_code == 0, result.output
    assert f"Tibber {tibber.url}: reachable, the token opens the account of Ada Muster; home id-house" in result.output
    newest = hours[2].tz_convert("Europe/Berlin")
    assert f"its hours go to 'haupt_strom'; newest hour {newest:%Y-%m-%d %H:%M}." in result.output
    assert len(tibber.asked) == 2
    assert SECRET not in result.output


def test_a_wrong_tibber_token_is_1(house: FrontDoor) -> None:
    with TibberStandIn(at({"2026-11-20 06:00": 0.5}), "another-token") as tibber:
        house.configure(tibber={"url": tibber.url, "meter_id": "haupt_strom"})
        house.secrets(TIBBER_API_TOKEN=SECRET)
        result = house.run("check", "--connect")
    assert result.exit_code == 1
    assert "TIBBER_API_TOKEN" in result.stderr
    assert SECRET not in result.output


def test_a_tibber_that_is_not_there_is_1_at_once(house: FrontDoor) -> None:
    house.configure(tibber={"url": f"http://127.0.0.1:{free_port()}", "meter_id": "haupt_strom"})
    house.secrets(TIBBER_API_TOKEN=SECRET)
    result = house.run("check", "--connect")
    assert result.exit_code == 1
    assert "Tibber" in result.stderr
    assert SECRET not in result.output


# Dagster's home


def test_our_event_log_is_active_in_our_home(house: FrontDoor) -> None:
    ensure_home(house.folder / "dagster")
    result = house.run("check", "--connect")
    assert result.exit_code == 0, result.output
    assert "can be written, the batching event log is active; no run yet." in result.output


def test_a_home_with_the_stock_event_log_is_good_and_said_to_be_slow(house: FrontDoor) -> None:
    (house.folder / "dagster").mkdir()
    (house.folder / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    result = house.run("check", "--connect")
    assert result.exit_code == 0, result.output
    assert "does not use the batching event log" in result.output


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nux: {}\nevent_log_storage: [", "dagster.yaml is not YAML, see line 2"),
        ("no_such_section: {a: hunter2}\n", "dagster.yaml is not right: Received unexpected config entry"),
        ("nux: {enabled: hunter2}\n", "dagster.yaml is not right: "),
        (f"event_log_storage: {{module: {EVENT_LOG}, class: NoSuchClass, config: {{}}}}\n", "NoSuchClass"),
        ("event_log_storage: {module: no_such_module, class: NoSuchClass, config: {}}\n", "no_such_module"),
    ],
    ids=["not YAML", "unknown key", "wrong value", "unknown class", "unknown module"],
)
def test_a_home_that_dagster_cannot_open_is_1_and_no_traceback(house: FrontDoor, text: str, why: str) -> None:
    (house.folder / "dagster").mkdir()
    (house.folder / "dagster" / "dagster.yaml").write_text(text)
    result = house.run("check", "--connect")
    assert result.exit_code == 1
    assert f"Dagster cannot open it: {why}" in result.stderr or why in result.stderr
    assert "hunter2" not in result.output
    assert "Correct its dagster.yaml" in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_a_home_below_a_file_cannot_be_made(house: FrontDoor) -> None:
    (house.folder / "dagster").write_text("in the way")
    result = house.run("check", "--connect")
    assert result.exit_code == 1
    assert "cannot be made. Correct its owner or mode, or let DAGSTER_HOME name another folder." in result.stderr


def test_a_data_folder_below_a_file_cannot_be_made(house: FrontDoor) -> None:
    (house.folder / "data").write_text("in the way")
    result = house.run("check", "--connect")
    assert result.exit_code == 1
    assert "cannot be made" in result.stderr

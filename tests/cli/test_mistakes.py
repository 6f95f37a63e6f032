"""Two hundred mistakes that a user can make: each is a sentence and an exit code, and none is a traceback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from tests.cli.front_door import FrontDoor, at
from tests.clients.hostile_files import HEADER, xlsx
from workflows_dagster.stores.ports import RawSeries

WORDS = [
    ["shwo"], ["--config"], ["show"], ["show", "gas"], ["show", "gas_zahler", "--by", "week"],
    ["show", "gas_zahler", "--format", "xml"], ["show", "gas_zahler", "gas_zahler"], ["show", ""], ["show", "\x1b[2J"],
    ["show", "gas_zahler\n"], ["show", "x" * 5000], ["show", "\udcff"], ["explain"], ["explain", "gas_zahler"],
    ["explain", "gas", "2024-01-01"], ["report", "--to"], ["report", "2024-03", "2024-04"], ["notify"],
    ["notify", "--test", "me"], ["notify", "--test"], ["backfill", "--meters", "gas"], ["backfill", "--meters", ""],
    ["backfill", "--meters", ",,"], ["backfill", "--from", "2030-01-01", "--to", "2029-01-01"],
    ["demo", "--years", "0"],
    ["demo", "--years", "x"], ["demo", "--years", "1e9"], ["restore"], ["import"], ["import", "--meter", "x"],
    ["import", "a.csv", "--meter", "haupt_storm"], ["import", "a.csv", "--columns", "x"],
    ["import", "a.csv", "--columns", "=gas_zahler"], ["import", "a.csv", "--columns", "a=b"],
    ["import", "a.csv", "--stamps", "middle"], ["reading"], ["reading", "gas_zahler"],
    ["reading", "gas_zahler", "much"],
    ["reading", "gas_zahler", "48.700"], ["reading", "gas_zahler", "-5"], ["reading", "gas_zahler", "--", "-5"],
    ["reading", "gas_zahler", "nan"], ["reading", "gas_zahler", "1e999"], ["reading", "gas_zahler", "9" * 5000],
    ["reading", "gas", "5"], ["reading", "gas_zahler", "5", "--note"], ["readings"], ["readings", "gas"],
    ["readings", "gas_zahler", "--newest", "0"], ["readings", "gas_zahler", "--newest", "many"], ["forget"],
    ["forget", "gas_zahler"], ["forget", "gas_zahler", "never"], ["forget", "gas", "20.11.2026 12:00"],
    ["check", "all"],
    ["check", "--conect"], ["discover", "gas"], ["upkeep", "now"], ["backup", "--to"], ["months", "x", "y", "z"],
]  # fmt: skip
DAYS = [
    "2024-13-01", "2024-02-30", "32.12.2024", "31.2.2024", "", "20240101x", "2024-1-1", "0000-00-00", "10000-01-01",
    "2024-01-01T25:00", "٢٠٢٤-٠١-٠١", "2024-W99-1", "-1", "1e5", "2024-01-01\n", "\x00",
]  # fmt: skip
CONFIGURED: list[tuple[str, object]] = [
    ("timezone", "Berlin"), ("timezone", "../../etc/passwd"), ("timezone", "/etc/passwd"), ("timezone", 1),
    ("timezone", ""), ("timezone", None), ("timezone", ["UTC"]), ("timezone", "UTC\x00"), ("language", "fr"),
    ("language", True), ("storage", "embedded"), ("storage", {"backend": "sqlite"}),
    ("storage", {"backend": "influxdb"}),
    ("storage", {"backend": None}), ("storage", []), ("influxdb", {"url": "localhost:8086"}),
    ("influxdb", {"url": "http://me:password@host"}), ("influxdb", {"url": "http://[::1"}), ("influxdb", {"url": 8086}),
    ("influxdb", {"token": "abc"}), ("influxdb", {"timeout": 0}), ("influxdb", {"timeout": "soon"}),
    ("influxdb", {"bucket_raw": "a", "bucket_processed": "a"}), ("influxdb", {"bucket_raw": "a\nb"}),
    ("tibber", {"meter_id": 5}), ("tibber", {"url": "ftp://x"}), ("tibber", {"lookback_hours": 10**30}),
    ("gas_conversion", []), ("gas_conversion", {"z_factor": 1}), ("gas_conversion", "0.95"),
    ("gas_conversion", {"energy_content": float("nan"), "z_factor": 1}),
    ("gas_conversion", {"energy_content": float("inf"), "z_factor": 1}),
    ("workflows", {"analytics": {"schedule": "0 0 31 2 *"}}), ("workflows", {"analytics": {"schedule": "every day"}}),
    ("workflows", {"analytics": {"schedule": "99 99 * * *"}}), ("workflows", {"analytics": {"schedule": ""}}),
    ("workflows", {"analytics": {"schedule": "* " * 5000}}), ("workflows", {"analytics": {"start_year": "2020 AD"}}),
    ("workflows", {"analytics": {"start_year": 10**9}}), ("workflows", {"tibber_sync": None}),
    ("logging", {"level": "LOUD"}), ("logging", {"file": "a\0b"}), ("logging", {"max_bytes": -1}),
    ("logging", {"file": "/proc/no/such/log"}), ("anomalies", {"window": "long"}), ("anomalies", 5),
    ("alerts", {"quiet_hours": "22-6"}), ("alerts", {"quiet_hours": "25:00-99:00"}), ("alerts", [1]),
    ("upkeep", {"keep_runs_days": 0}), ("upkeep", {"backup_folder": ""}), ("upkeep", {"backup_schedule": "@never"}),
    ("meters_config", "missing.yaml"), ("meters_config", "/dev/null"), ("meters_config", "x" * 5000),
    ("tariffs_config", "/etc"), ("metres_config", "x.yaml"), ("api_key", "s3cr3t"), (5, 5), ("", ""),
]  # fmt: skip
ONE_METER: list[dict[object, object]] = [
    {"meter_id": "gas zähler"}, {"meter_id": ""}, {"meter_id": None}, {"meter_id": 5}, {"meter_id": "costs"},
    {"meter_id": "input"}, {"meter_id": "x" * 5000}, {"type": "smart"}, {"type": None}, {"output_unit": "kwatt"},
    {"output_unit": None}, {"output_unit": ["kWh"]}, {"installation_date": "soon"}, {"installation_date": 20240101},
    {"installation_date": "2024-05-01", "deinstallation_date": "2024-01-01"}, {"register_digits": 0},
    {"register_digits": 99}, {"register_digits": True}, {"initial_reading": -1}, {"resolution": 0},
    {"source": "kWh total"}, {"source": {"entity_id": "sensor.gas"}}, {"source": {"field": "value\nx"}},
    {"source": {"kind": "pulse"}}, {"source": {"entity_id": "a\0b"}}, {"pattern": "winter"}, {"pattern": 5},
    {"description": {"a": 1}}, {"utility": "coal"}, {"subtract_meters": ["x"]}, {"meter": "x"},
    {"measured_max_gap_hours": "one"},
    {"max_extrapolation_days": -1}, {"reading_interval_days": 0}, {5: 5},
    {"type": "virtual", "base_meter": "m"}, {"type": "virtual", "base_meter": "x", "subtract_meters": ["m"]},
    {"type": "master", "periods": []}, {"type": "master", "periods": [{"start_date": "x"}]},
]  # fmt: skip
TEXTS = [
    "", "\n", "[]", "5", "meters", "meters:", "meters: 5", "meters: []", "meters: [1]", "meters: {a: b}", "\t- x",
    "meters: [", "meters: *x", "a: 1\na: 2", "%YAML 9.9\n---\n", "!!python/object:os.system x", "\x00",
    "\ufeff", "- - - -",
    "meters: !!binary ====", "meters: !!int x", "? [a]\n: b", "{{ x }}", "meters: " + "[" * 300,
]  # fmt: skip
ENVIRONMENT = [
    {"METERS_CONFIG_DIR": "FOLDER/none"}, {"METERS_CONFIG_DIR": "FOLDER/config/config.yaml"},
    {"METERS_CONFIG_DIR": "/"},
    {"METERS_CONFIG_DIR": "x" * 5000}, {"METERS_DATA_DIR": "FOLDER/config/config.yaml"},
    {"METERS_DATA_DIR": "/proc/none"},
    {"METERS_DATA_DIR": "/dev/null/x"}, {"METERS_SECRETS_DIR": "FOLDER/config/config.yaml"},
    {"INFLUX_TOKEN": "two words"},
    {"INFLUX_TOKEN": "a\nb"}, {"INFLUX_TOKEN": "tökén"}, {"INFLUX_TOKEN_FILE": "/none"}, {"INFLUX_TOKEN_FILE": "/etc"},
    {"APPRISE_URLS": "not an address"}, {"APPRISE_URLS_FILE": "/dev/null"}, {"TIBBER_API_TOKEN": "\x7f"},
    {"METERS_CONFIG_DIR": "~nobody-of-that-name/x"}, {"METERS_SECRETS_DIR": "~nobody-of-that-name/x"},
]  # fmt: skip
SECRETS = [
    "INFLUX_TOKEN",
    "INFLUX_TOKEN='",
    "\x00",
    "INFLUX_TOKEN=a b",
    "INFLUX_TOKEN_FILE=",
    "APPRISE_URLS=x",
    "=",
    "é\xff",
]
FILES: dict[str, bytes] = {
    "empty.csv": b"", "header.csv": b"time,value\n", "words.csv": b"time,value\nnow,much\n", "zip.xlsx": b"PK\x03\x04",
    "old.xls": b"\xd0\xcf\x11\xe0", "sheet.xlsx": xlsx(HEADER), "picture.csv": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "page.csv": b"<!DOCTYPE html><html>", "quoted.csv": b'time,value\n"2024-01-01,5', "wrong.csv": b"a;b;c\n1;2;3\n",
    "\x1b[2J.csv": b"time,value\n\x1b[2J,5\n", "future.csv": b"time,value\n2124-01-01,5\n",
    "named.xlsx": b"time,value\n",
}  # fmt: skip


def unharmed(result: Result, mistake: object) -> None:
    """It ended with a sentence and a code, whatever it was."""
    said = result.output + result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit), (mistake, result.exc_info)
    assert "Traceback" not in said, (mistake, said)
    assert result.exit_code in (0, 1, 2, 3), (mistake, result.exit_code)
    assert said.strip(), mistake


def refused(result: Result, mistake: object) -> None:
    """It was also not taken for good."""
    unharmed(result, mistake)
    assert result.exit_code != 0, (mistake, result.output)


@pytest.fixture
def read(house: FrontDoor) -> FrontDoor:
    house.read(RawSeries("m³", "gas_zahler"), at({"2024-03-01 00:00": 1.0, "2024-03-02 00:00": 4.0}))
    return house


def test_wrong_words(read: FrontDoor) -> None:
    for words in WORDS:
        refused(read.run(*words), words)


def test_wrong_days(read: FrontDoor) -> None:
    for day in DAYS:
        for words in (["show", "gas_zahler", "--from"], ["explain", "gas_zahler"], ["report"], ["backfill", "--to"]):
            refused(read.run(*words, day), (words, day))
        unharmed(read.run("reading", "gas_zahler", "5", "--at", day), day)
        unharmed(read.run("forget", "gas_zahler", day), day)


def test_wrong_values_of_config_yaml(house: FrontDoor) -> None:
    for key, value in CONFIGURED:
        content = {"timezone": "Europe/Berlin", key: value}
        (house.folder / "config" / "config.yaml").write_text(yaml.safe_dump(content))
        unharmed(house.run("check"), (key, value))
        unharmed(house.run("show", "gas_zahler"), (key, value))


def test_wrong_values_of_meters_yaml(house: FrontDoor) -> None:
    for changes in ONE_METER:
        meter = {"meter_id": "m", "type": "physical", "output_unit": "kWh", **changes}
        (house.folder / "config" / "meters.yaml").write_text(yaml.safe_dump({"meters": [meter]}))
        refused(house.run("check"), changes)


def test_files_that_are_no_configuration(house: FrontDoor) -> None:
    for name in ("config.yaml", "meters.yaml", "seasonal_patterns.yaml", "tariffs.yaml"):
        path = house.folder / "config" / name
        before = path.read_text() if path.exists() else None
        for text in TEXTS:
            path.write_text(text)
            unharmed(house.run("check"), (name, text))
        path.unlink()
        if before is not None:
            unharmed(house.run("check"), name)
            path.write_text(before)


def test_wrong_variables(house: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    for variables in ENVIRONMENT:
        with monkeypatch.context() as context:
            for name, value in variables.items():
                context.setenv(name, value.replace("FOLDER", str(house.folder)))
            for words in (["check"], ["show", "gas_zahler"], ["discover"]):
                unharmed(house.run(*words), (variables, words))


def test_wrong_files_of_secrets(house: FrontDoor) -> None:
    for text in SECRETS:
        (house.folder / "secrets" / "all.env").write_bytes(text.encode("latin-1"))
        unharmed(house.run("check"), text)
    (house.folder / "secrets" / "all.env").unlink()
    (house.folder / "secrets" / "all.env").mkdir()
    unharmed(house.run("check"), "a folder")


def test_wrong_files_to_import_and_to_restore(house: FrontDoor) -> None:
    folder = house.folder / "files"
    folder.mkdir()
    made: list[Path] = []
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
        made.append(folder / name)
    os.mkfifo(folder / "pipe.csv")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "zero.csv").symlink_to("/dev/zero")
    others = [folder / "pipe.csv", folder / "loop.csv", folder / "zero.csv", folder, folder / "none", Path("a\0b")]
    for path in [*made, *others]:
        result = house.run("import", str(path), "--meter", "gas_zahler")
        refused(result, path)
        assert "\x1b" not in result.output + result.stderr
        if path.name != "pipe.csv":
            refused(house.run("restore", str(path)), path)
    for target in ("/etc", "/", str(folder / "words.csv"), "x" * 5000):
        refused(house.run("backup", "--to", target), target)
        refused(house.run("restore", str(folder / "words.csv"), "--into", target), target)


def test_there_are_two_hundred_mistakes() -> None:
    kinds = (WORDS, DAYS, CONFIGURED, ONE_METER, TEXTS, ENVIRONMENT, SECRETS, FILES)
    print("\n", {"words": len(WORDS), "days × 6 commands": 6 * len(DAYS), "config.yaml": len(CONFIGURED)})
    print({"meters.yaml": len(ONE_METER), "texts × 4 files": 4 * len(TEXTS), "variables × 3": 3 * len(ENVIRONMENT)})
    assert sum(map(len, kinds)) >= 200


def damaged(house: FrontDoor, change: Callable[[Path], object]) -> None:
    house.read(RawSeries("m³", "gas_zahler"), at({"2024-03-01 00:00": 1.0}))
    change(house.database)
    for words in (["show", "gas_zahler"], ["check"], ["discover"], ["backup"], ["readings", "gas_zahler"]):
        unharmed(house.run(*words), words)
    for path in house.folder.joinpath("data").iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def test_a_database_that_is_none(house: FrontDoor) -> None:
    damaged(house, lambda path: path.write_bytes(b"no database"))
    damaged(house, lambda path: path.write_bytes(b""))
    damaged(house, lambda path: (path.unlink(), path.mkdir()))
    damaged(house, lambda path: path.write_bytes(path.read_bytes()[:5000] + bytes(5000)))

"""The dashboards and alert rules: structure by Grafana's schema, and every query on a real InfluxDB.

Each panel's figures are counted again from the stored points, by code that shares nothing with the queries.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from deploy.grafana.builder.__main__ import built
from tests.deploy.grafana_house import DAYS, END, HOUR, NOW, START, GrafanaHouse, fill
from tests.houses import CONFIG
from tests.stores.influx_server import InfluxServer
from workflows_dagster.settings.load import load
from workflows_dagster.stores.ports import (
    ANOMALY_DAILY,
    BASE_LOAD_EXPECTATION_DAILY,
    CONSUMPTION_DAILY,
    CONSUMPTION_MONTHLY,
    COST_DAILY,
    EXPECTATION_DAILY,
    MEASUREMENTS,
    MONTH_TO_DATE,
    Measurement,
)

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
BOARDS: dict[str, dict[str, Any]] = {
    path.stem.removeprefix("utility-meters-"): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
RULES: list[dict[str, Any]] = yaml.safe_load(
    (GRAFANA / "provisioning" / "alerting" / "utility-meters.yaml").read_text(encoding="utf-8")
)["groups"][0]["rules"]
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"]]
TARGETS = [
    pytest.param(name, panel, target, id=f"{name}: {panel['title']} {target['refId']}")
    for name, panel in PANELS
    for target in panel["targets"]
]
# Written out, not computed: what the sample household's report calls main meters and their parts.
MAIN = {
    "electricity": ["strom_total"],
    "gas": ["gas_total"],
    "water": ["haupt_wasser"],
    "heat": ["eg_nord_heat", "eg_sud_heat", "og1_heat", "og2_heat", "buro_heat"],
}
MAIN_OF_ALL = {**MAIN, "solar": ["solarspeicher"]}
PARTS = {
    "electricity": ["eg_strom", "og1_strom", "og2_strom", "strom_allgemein"],
    "gas": ["gastherme_gesamt", "eg_kalfire"],
    "water": ["og1_wasser_kalt", "og1_wasser_warm", "og2_wasser_kalt", "og2_wasser_warm", "eg_wasser"],
}
M3_GAS = 11.504 * 0.8885
CHOSEN = {
    "electricity": ["strom_total", "eg_strom"],
    "gas": ["gas_total"],
    "water": ["haupt_wasser"],
    "heat": ["og1_heat"],
    "anomalies": ["eg_strom", "og2_strom", "haupt_strom"],
    "overview": [],
}
CHOICES = {"zone": "Europe/Berlin", "house": "http://localhost:8006", "compare": "1", "utility": "electricity"}


def choices(board: str, **others: str) -> dict[str, str]:
    return {**CHOICES, "meter": f"({'|'.join(CHOSEN[board]) or '.*'})", **others}


# (b) structure


def test_the_committed_files_are_what_the_builder_writes() -> None:
    for path, text in built("en").items():
        assert (GRAFANA / path).read_text(encoding="utf-8") == text, "run `make grafana`"


def test_the_titles_can_be_german() -> None:
    german = built("de")
    assert "Strom" in german["dashboards/utility-meters-electricity.json"]
    board = json.loads(german["dashboards/utility-meters-overview.json"])
    assert [panel["title"] for panel in board["panels"]][:2] == ["Neuester voller Tag", "Neueste Ablesung"]


def test_there_are_six_dashboards_and_ids_are_unique() -> None:
    assert set(BOARDS) == {"overview", "electricity", "gas", "water", "heat", "anomalies"}
    uids = [board["uid"] for board in BOARDS.values()] + [rule["uid"] for rule in RULES]
    assert len(set(uids)) == len(uids)
    assert all(len(uid) <= 40 for uid in uids)
    for board in BOARDS.values():
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.parametrize("name", BOARDS)
def test_no_panel_lies_on_another(name: str) -> None:
    assert overlaps(BOARDS[name]) == []


def overlaps(board: Mapping[str, Any]) -> list[str]:
    taken: dict[tuple[int, int], str] = {}
    found = []
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if cells & set(taken) or max(x for x, _ in cells) >= 24:
            found.append(panel["title"])
        taken |= dict.fromkeys(cells, panel["title"])
    return found


@pytest.mark.parametrize("name", BOARDS)
def test_every_variable_is_defined_and_used(name: str) -> None:
    assert variables_of(BOARDS[name]) == ({variable["name"] for variable in BOARDS[name]["templating"]["list"]}, set())


def variables_of(board: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Give the variables that are used, and those that are used and not defined."""
    defined = {variable["name"] for variable in board["templating"]["list"]}
    text = json.dumps({**board, "templating": [v["query"] for v in board["templating"]["list"]]})
    used = {name for name in re.findall(r"\$\{(\w+)[}:]", text) if not name.startswith("__")}
    return used, used - defined


UNITS = {"kwatth", "megwatth", "m3", "litre", "percentunit", "h", "celsius"}
KINDS = {"stat", "timeseries", "barchart", "table", "piechart"}


def strangers(board: Mapping[str, Any]) -> list[object]:
    """Give units, kinds and keys that Grafana does not know."""
    found: list[object] = []
    for panel in board["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        found += [panel["type"]] if panel["type"] not in KINDS else []
        found += [defaults["unit"]] if defaults.get("unit", "h") not in UNITS else []
        for target in panel["targets"]:
            found += sorted(set(target) ^ {"refId", "datasource", "query"})
    return found


@pytest.mark.parametrize("name", BOARDS)
def test_units_kinds_and_targets_are_such_as_grafana_knows(name: str) -> None:
    assert strangers(BOARDS[name]) == []
    for panel in BOARDS[name]["panels"]:
        assert panel["description"].endswith("."), panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters))


def rule_faults(rule: Mapping[str, Any]) -> list[str]:
    """Give what is wrong with a rule."""
    letters = {part["refId"]: part for part in rule["data"]}
    found = [] if rule.get("condition") in letters else ["condition"]
    found += [] if rule["noDataState"] in ("OK", "NoData", "Alerting", "KeepLast") else ["noDataState"]
    found += [] if rule["execErrState"] in ("OK", "Error", "Alerting", "KeepLast") else ["execErrState"]
    for part in rule["data"]:
        expression = part["model"].get("expression")
        found += ["expression"] if expression is not None and expression not in letters else []
        found += ["refId"] if part["model"]["refId"] != part["refId"] else []
    return found + [name for name in ("summary", "runbook") if not rule["annotations"].get(name, "").endswith(".")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["title"])
def test_a_rule_has_a_condition_states_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule_faults(rule) == []
    # By the age of the newest point, never by Grafana's "no data".
    assert rule["noDataState"] == "OK"


def test_nothing_of_the_owners_is_replaced() -> None:
    """Provisioned policies would replace the whole tree, and contact points are the owner's."""
    text = (GRAFANA / "provisioning" / "alerting" / "utility-meters.yaml").read_text(encoding="utf-8")
    assert set(yaml.safe_load(text)) == {"apiVersion", "groups"}


def test_every_panel_asks_the_datasource_that_is_provisioned() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "utility-meters.yaml").read_text())[
        "datasources"
    ]
    asked = [part["datasource"] for _, panel in PANELS for part in [panel, *panel["targets"]]]
    assert {(one["type"], one["uid"]) for one in asked} == {(source["type"], source["uid"])}
    assert {part["datasourceUid"] for rule in RULES for part in rule["data"]} == {source["uid"], "__expr__"}


def test_the_token_is_read_from_a_secret_and_stands_nowhere() -> None:
    text = (GRAFANA / "provisioning" / "datasources" / "utility-meters.yaml").read_text()
    assert re.findall(r"token: (.*)", text) == ["$__file{/run/secrets/influx_token}"]


def unknown_names(query: str) -> list[str]:
    """Give measurements and fields that a query asks and that are not stored."""
    by_name = {measurement.name: measurement for measurement in MEASUREMENTS}
    found = []
    for name, fields in re.findall(r'r\._measurement == "(\w+)"\)\n\s+\|> filter\(fn: \(r\) => ([^\n]*)\)', query):
        if name == "energy":
            continue
        asked = re.findall(r'r\._field == "(\w+)"', fields)
        known = by_name[name].fields if name in by_name else {}
        found += [f"{name}.{field}" for field in asked if field not in known] + ([] if known else [name])
    return found


@pytest.mark.parametrize(("board", "panel", "target"), TARGETS)
def test_a_query_asks_what_is_stored(board: str, panel: dict[str, Any], target: dict[str, Any]) -> None:
    assert board in BOARDS
    assert panel["title"]
    assert unknown_names(target["query"]) == []


def test_faults_that_are_planted_are_caught() -> None:
    """A renamed field, an overlap, a wrong unit, an undefined variable, a rule without condition; an option's typo is
    the strict decode's (tests/deploy/test_grafana_schema.py)."""
    board = json.loads(json.dumps(BOARDS["electricity"]))
    query = board["panels"][0]["targets"][0]["query"]
    assert unknown_names(query.replace('_field == "consumption"', '_field == "consumed"')) == [
        "meter_consumption.consumed"
    ]
    board["panels"][1]["gridPos"]["x"] -= 1
    assert overlaps(board) == [board["panels"][1]["title"]]
    board["panels"][0]["fieldConfig"]["defaults"]["unit"] = "kWh"
    assert strangers(board) == ["kWh"]
    board["templating"]["list"] = board["templating"]["list"][:1]
    assert "zone" in variables_of(board)[1]
    assert rule_faults({**RULES[0], "condition": "D"}) == ["condition"]


def test_a_field_that_is_renamed_breaks_the_build() -> None:
    from deploy.grafana.builder.flux import source

    with pytest.raises(KeyError, match="consumed"):
        source(CONSUMPTION_DAILY, "consumed")


# (c) figures


@pytest.fixture(scope="module")
def house(influx_server: InfluxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrafanaHouse]:
    folder = tmp_path_factory.mktemp("grafana")
    filled = fill(load(CONFIG, {"METERS_DATA_DIR": str(folder)}), influx_server, folder)
    yield filled
    filled.store.close()


def points(
    house: GrafanaHouse, measurement: Measurement, field: str, meters: list[str], start: pd.Timestamp = START
) -> dict[str, dict[pd.Timestamp, float]]:
    """Give the stored values of some meters in the range, by meter and instant."""
    found = {}
    for name in meters:
        frame = house.store.read(measurement, name, start, END)
        pairs = zip(frame.index, frame[field], strict=True)
        found[name] = {at: float(value) for at, value in pairs if value == value and value is not None}
    return found


def added(by_meter: Mapping[str, Mapping[pd.Timestamp, float]], factor: float = 1.0) -> dict[pd.Timestamp, float]:
    total: dict[pd.Timestamp, float] = {}
    for values in by_meter.values():
        for at, value in values.items():
            total[at] = total.get(at, 0.0) + value * factor
    return total


def local_month(at: pd.Timestamp) -> pd.Timestamp:
    civil = at.tz_convert("Europe/Berlin").date().replace(day=1)
    return pd.Timestamp(civil).tz_localize("Europe/Berlin").tz_convert("UTC")


Rows = list[dict[str, str]]


def series(rows: Rows, column: str = "_value") -> dict[pd.Timestamp, float]:
    return {pd.Timestamp(row["_time"]): float(row[column]) for row in rows}


def by_meter(rows: Rows, column: str = "_value") -> dict[str, dict[pd.Timestamp, float]]:
    found: dict[str, dict[pd.Timestamp, float]] = {}
    for row in rows:
        if row.get(column):
            found.setdefault(row["meter_id"], {})[pd.Timestamp(row["_time"])] = float(row[column])
    return found


def close(found: object, wanted: object) -> None:
    assert wanted
    if isinstance(found, dict) and isinstance(next(iter(found.values())), dict):
        assert isinstance(wanted, dict)
        assert set(found) == set(wanted)
        for name, values in found.items():
            assert values == pytest.approx(wanted[name], rel=1e-9, abs=1e-9), name
    else:
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def known_part(house: GrafanaHouse, utility: str, which: str) -> dict[pd.Timestamp, float]:
    used = points(house, CONSUMPTION_DAILY, "consumption", MAIN[utility])
    share = points(house, CONSUMPTION_DAILY, "estimated_share", MAIN[utility])
    parts = {
        name: {
            at: value * (share[name].get(at, 0.0) if which == "estimated" else 1 - share[name].get(at, 0.0))
            for at, value in values.items()
        }
        for name, values in used.items()
    }
    return added(parts)


def cost_by_month(house: GrafanaHouse, meters: list[str]) -> dict[pd.Timestamp, float]:
    total: dict[pd.Timestamp, float] = {}
    for at, value in added(points(house, COST_DAILY, "cost", meters)).items():
        total[local_month(at)] = total.get(local_month(at), 0.0) + value
    return total


def kwh(house: GrafanaHouse, measurement: Measurement, meters: list[str]) -> dict[str, dict[pd.Timestamp, float]]:
    found = points(house, measurement, "consumption", meters)
    factor = {"kWh": 1.0, "MWh": 1000.0, "m³": M3_GAS}
    return {
        name: {at: value * factor[house.settings.meters[name].output_unit] for at, value in values.items()}
        for name, values in found.items()
    }


def months(house: GrafanaHouse, meters: list[str]) -> dict[str, dict[pd.Timestamp, float]]:
    return points(house, CONSUMPTION_MONTHLY, "consumption", meters)


def months_before(house: GrafanaHouse, meters: list[str]) -> dict[pd.Timestamp, float]:
    """The months a year earlier, moved to this year: from January on, since the household begins there."""
    earlier: dict[pd.Timestamp, float] = {}
    for name in meters:
        frame = house.store.read(
            CONSUMPTION_MONTHLY, name, START - pd.Timedelta(days=366), END - pd.Timedelta(days=366)
        )
        for at, value in zip(frame.index, frame["consumption"], strict=True):
            moved = pd.Timestamp(at).tz_convert("UTC") + pd.DateOffset(years=1)
            earlier[moved] = earlier.get(moved, 0.0) + float(value)
    return earlier


def degree_days(house: GrafanaHouse) -> dict[pd.Timestamp, float]:
    from workflows_dagster.evaluation.outdoor_temperature import OUTDOOR

    by_day: dict[pd.Timestamp, list[float]] = {}
    for at, value in house.store.readings(OUTDOOR, START, END).items():
        civil = at.tz_convert("Europe/Berlin").date()  # type: ignore[attr-defined]
        by_day.setdefault(pd.Timestamp(civil).tz_localize("Europe/Berlin").tz_convert("UTC"), []).append(float(value))
    return {day: max(15.0 - sum(values) / len(values), 0.0) for day, values in by_day.items()}


def used(house: GrafanaHouse, utility: str) -> dict[pd.Timestamp, float]:
    return added(points(house, CONSUMPTION_DAILY, "consumption", MAIN[utility]))


def single(rows: Rows) -> float:
    (row,) = rows
    return float(row["_value"])


def check_month_so_far(house: GrafanaHouse, rows: Rows) -> None:
    wanted = {}
    for utility, meters in MAIN_OF_ALL.items():
        figures = [0.0, 0.0, 0.0]
        for meter in meters:
            frame = house.store.read(MONTH_TO_DATE, meter, NOW - pd.Timedelta(days=70), NOW)
            for k, field in enumerate(("consumption", "previous_month", "previous_year")):
                figures[k] += float(frame[field].fillna(0.0).sum())
        wanted[utility] = figures
    found = {
        row["utility"]: [float(row[f"{name}"]) for name in ("this_month", "last_month", "last_year")] for row in rows
    }
    assert set(found) == set(wanted)
    for utility, figures in found.items():
        assert figures == pytest.approx(wanted[utility]), utility


def check_flagged(house: GrafanaHouse, rows: Rows) -> None:
    wanted = points(house, ANOMALY_DAILY, "delta_percent", CHOSEN["anomalies"])
    assert by_meter(rows, "delta_percent") == {name: pytest.approx(found) for name, found in wanted.items() if found}
    assert rows


Check = Callable[[GrafanaHouse, Rows], None]


def of_utility(utility: str) -> dict[tuple[str, str], Check]:
    """Give the checks that all utilities share."""
    main = MAIN[utility]
    return {
        ("Used in the range", "A"): lambda h, r: close(single(r), sum(used(h, utility).values())),
        ("Cost in the range", "A"): lambda h, r: close(
            single(r), sum(added(points(h, COST_DAILY, "cost", main)).values())
        ),
        ("Known by measurement", "A"): lambda h, r: close(
            1 + single(r), 1 + sum(known_part(h, utility, "measured").values()) / sum(used(h, utility).values())
        ),
        ("Newest month", "A"): lambda h, r: close(series(r), dict([max(added(months(h, main)).items())])),
        ("By day", "A"): lambda h, r: close(series(r, "measured"), known_part(h, utility, "measured")),
        ("By day", "B"): lambda h, r: close(series(r, "estimated"), known_part(h, utility, "estimated")),
        ("By month against the years before", "A"): lambda h, r: close(series(r, "this year"), added(months(h, main))),
        ("By month against the years before", "B"): lambda h, r: close(series(r, "before"), months_before(h, main)),
        ("Chosen meters with their bands", "A"): lambda h, r: (
            [  # type: ignore[func-returns-value]
                close(
                    {n: v for n, v in by_meter(r, field).items() if v},
                    {n: v for n, v in points(h, CONSUMPTION_DAILY, field, CHOSEN[utility]).items() if v},
                )
                for field in (("consumption", "lower", "upper") if utility != "electricity" else ("consumption",))
            ]
            and None
        ),
        ("Cost by month", "A"): lambda h, r: close(series(r, "cost"), cost_by_month(h, main)),
        ("Against the weather", "A"): lambda h, r: close(series(r, "used"), used(h, utility)),
        ("Against the weather", "B"): lambda h, r: close(series(r, "degree_days"), degree_days(h)),
    }


CHECKS: dict[str, dict[tuple[str, str], Check]] = {
    "overview": {
        ("This month so far", "A"): check_month_so_far,
        ("Newest complete day", "A"): lambda h, r: close(single(r), (NOW - (END - 24 * HOUR)) / HOUR - 24),
        ("Newest reading", "A"): lambda h, r: close(single(r), (NOW - END) / HOUR),
        ("Cost", "A"): lambda h, r: close(
            {row["utility"]: float(row["_value"]) for row in r},
            {utility: sum(added(points(h, COST_DAILY, "cost", names)).values()) for utility, names in MAIN.items()},
        ),
        ("Cost by month", "A"): lambda h, r: close(
            {utility: series([row for row in r if row["utility"] == utility], "_value") for utility in MAIN_OF_ALL},
            {utility: cost_by_month(h, names) for utility, names in MAIN_OF_ALL.items()},
        ),
        ("Energy by month", "A"): lambda h, r: close(
            series(r, "electricity"), added(kwh(h, CONSUMPTION_MONTHLY, MAIN["electricity"]))
        ),
        ("Energy by month", "B"): lambda h, r: close(series(r, "gas"), added(kwh(h, CONSUMPTION_MONTHLY, MAIN["gas"]))),
        ("Energy by month", "C"): lambda h, r: close(
            series(r, "heat"), added(kwh(h, CONSUMPTION_MONTHLY, MAIN["heat"]))
        ),
        ("What needs a look", "A"): lambda h, r: close(
            [(row["meter_id"], row["severity"], row["sentence"]) for row in r] == [_FOUND], True
        ),
    },
    "electricity": {
        **of_utility("electricity"),
        ("Floors and shared", "A"): lambda h, r: close(by_meter(r), kwh(h, CONSUMPTION_MONTHLY, PARTS["electricity"])),
        ("Day and night registers", "A"): lambda h, r: close(by_meter(r), months(h, ["haupt_strom"])),
        ("Base load", "A"): lambda h, r: close(
            by_meter(r),
            {
                n: v
                for n, v in points(
                    h, BASE_LOAD_EXPECTATION_DAILY, "base_load", ["haupt_strom", "strom_total", *PARTS["electricity"]]
                ).items()
                if v
            },
        ),
        ("Cost by the hour", "A"): lambda h, r: close(
            series(r, "cost"), {START + k * HOUR: 0.1 + k % 24 / 100 for k in range(90 * 24)}
        ),
    },
    "gas": {
        **of_utility("gas"),
        ("Boiler against fireplace", "A"): lambda h, r: close(by_meter(r), kwh(h, CONSUMPTION_MONTHLY, PARTS["gas"])),
        ("Gas in kWh by month", "A"): lambda h, r: close(
            series(r, "gas"), added(kwh(h, CONSUMPTION_MONTHLY, MAIN["gas"]))
        ),
    },
    "water": {
        **of_utility("water"),
        ("Floors, cold and warm", "A"): lambda h, r: close(by_meter(r), months(h, PARTS["water"])),
        ("Litres a day", "A"): lambda h, r: close(
            series(r, "litres"), {at: value * 1000 for at, value in used(h, "water").items()}
        ),
        ("Night flow", "A"): lambda h, r: close([len(r)], [0]),
    },
    "heat": {
        **of_utility("heat"),
        ("Used in the range", "A"): lambda h, r: close(
            single(r), sum(added(kwh(h, CONSUMPTION_DAILY, MAIN["heat"])).values()) / 1000
        ),
        ("Share of each room", "A"): lambda h, r: close(
            {row["meter_id"]: float(row["_value"]) for row in r},
            {name: sum(found.values()) for name, found in kwh(h, CONSUMPTION_DAILY, MAIN["heat"]).items()},
        ),
        ("Rooms by day", "A"): lambda h, r: close(by_meter(r), kwh(h, CONSUMPTION_DAILY, MAIN["heat"])),
        ("Against the weather", "A"): lambda h, r: close(
            series(r, "used"), added(kwh(h, CONSUMPTION_DAILY, MAIN["heat"]))
        ),
    },
    "anomalies": {
        ("Unusual days", "A"): check_flagged,
        ("The meter around them", "A"): lambda h, r: close(
            by_meter(r, "used"), points(h, CONSUMPTION_DAILY, "consumption", CHOSEN["anomalies"])
        ),
        ("The meter around them", "B"): lambda h, r: close(
            by_meter(r, "upper"),
            {n: v for n, v in points(h, EXPECTATION_DAILY, "upper", CHOSEN["anomalies"]).items() if v},
        ),
        ("Findings in the range", "A"): lambda h, r: close(
            [(row["severity"], row["findings"]) for row in r] == [("warn", "1")], True
        ),
        ("Findings", "A"): lambda h, r: close([row["sentence"] for row in r] == ["Hours are missing."], True),
    },
}
_FOUND = ("gas_zahler", "warn", "Hours are missing.")


@pytest.mark.parametrize(("board", "panel", "target"), TARGETS)
def test_a_panel_shows_what_the_stored_points_add_up_to(
    house: GrafanaHouse, board: str, panel: dict[str, Any], target: dict[str, Any]
) -> None:
    begun = time.monotonic()
    rows = house.ask(target["query"], choices(board))
    assert time.monotonic() - begun < 1.0
    CHECKS[board][panel["title"], target["refId"]](house, rows)


def test_the_choices_are_the_utilitys_meters(house: GrafanaHouse) -> None:
    for name, board in BOARDS.items():
        for variable in board["templating"]["list"]:
            if variable["type"] != "query":
                continue
            utility = "electricity" if name == "anomalies" else name
            found = {row["_value"] for row in house.ask(variable["query"]["query"], choices(name))}
            assert found == {one.meter_id for one in house.settings.meters if one.utility == utility}


def test_marks_are_replacements_prices_and_findings(house: GrafanaHouse) -> None:
    marks = {one["name"]: one["target"]["query"] for one in BOARDS["overview"]["annotations"]["list"]}
    assert [row["text"] for row in house.ask(marks["Findings"], {})] == ["eg_strom: Hours are missing."]
    assert any("haupt_wasser" in row["text"] for row in house.ask(marks["Price changes"], {}))
    earlier = marks["Replacements"].replace("v.timeRangeStart", "2020-01-01T00:00:00Z")
    assert any("gas_zahler follows gas_zahler_alt" in row["text"] for row in house.ask(earlier, {}))


def fires(house: GrafanaHouse, rule: dict[str, Any]) -> list[str]:
    """Evaluate a rule as Grafana does: the newest value of each series, and the threshold."""
    query, _, threshold = (part["model"] for part in rule["data"])
    (above,) = threshold["conditions"][0]["evaluator"]["params"]
    assert threshold["conditions"][0]["evaluator"]["type"] == "gt"
    return [row.get("meter_id", "") for row in house.ask(query["query"], {}) if float(row["_value"]) > above]


def test_each_rule_is_silent_over_a_good_house_and_fires_over_its_fault(house: GrafanaHouse) -> None:
    assert {rule["title"]: fires(house, rule) for rule in RULES} == {rule["title"]: [] for rule in RULES}
    by_title = {rule["title"]: rule for rule in RULES}
    influx = house.server.store(bucket_raw=house.raw, bucket_processed=house.processed)
    last = END - 24 * HOUR

    def put(measurement: Measurement, meter: str, unit: str, at: pd.Timestamp, **fields: object) -> None:
        frame = pd.DataFrame({name: [value] for name, value in fields.items()}, [at]) if fields else pd.DataFrame()
        influx.replace(measurement, meter, unit, at, at + HOUR, frame)

    def kept(measurement: Measurement, meter: str, at: pd.Timestamp) -> dict[str, object]:
        return dict(house.store.read(measurement, meter, at, at + HOUR).drop(columns="unit").iloc[0])

    # More than twice the month's average.
    usual = kept(CONSUMPTION_DAILY, "strom_total", last)
    put(CONSUMPTION_DAILY, "strom_total", "kWh", last, **{**usual, "consumption": 200.0})
    assert fires(house, by_title["More than twice the month's average"]) == ["strom_total"]
    put(CONSUMPTION_DAILY, "strom_total", "kWh", last, **usual)
    # Days not computed.
    hole = last - 5 * 24 * HOUR
    there = kept(CONSUMPTION_DAILY, "gas_total", hole)
    put(CONSUMPTION_DAILY, "gas_total", "m³", hole)
    assert fires(house, by_title["Days are not computed"]) == ["gas_total"]
    put(CONSUMPTION_DAILY, "gas_total", "m³", hole, **there)
    # A register that fell, a broken promise.
    from workflows_dagster.stores.ports import FINDING_DAILY

    finding = {"severity": "warn", "sentence": "It fell.", "figures": "{}", "until": NOW.isoformat()}
    put(FINDING_DAILY, "haupt_wasser", "finding", last, code="undeclared_reset", **finding)
    assert fires(house, by_title["A register fell"]) == ["haupt_wasser"]
    put(FINDING_DAILY, "haupt_wasser", "finding", last, code="not_conserved", **{**finding, "severity": "error"})
    assert fires(house, by_title["A broken promise"]) == ["haupt_wasser"]
    assert fires(house, by_title["A register fell"]) == []
    put(FINDING_DAILY, "haupt_wasser", "finding", last)
    influx.close()
    # Nothing for 48 hours: seen two days later.
    for title in ("No reading for 48 hours", "No day for 48 hours"):
        rule = json.loads(json.dumps(by_title[title]))
        query = rule["data"][0]["model"]
        later = f"experimental.addDuration(d: 43h, to: {NOW.strftime('%Y-%m-%dT%H:%M:%SZ')})"
        query["query"] = 'import "experimental"\n' + query["query"].replace("now()", later)
        assert fires(house, rule) == [""], title
    assert DAYS.last.year == 2025

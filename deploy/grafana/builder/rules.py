"""Alert rules: what each asks, from which value on it fires, and what to do then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from deploy.grafana.builder import flux
from deploy.grafana.builder.model import DATASOURCE
from deploy.grafana.builder.words import Say
from workflows_dagster.stores.ports import (
    CONSUMPTION_DAILY,
    FINDING_DAILY,
    FINDING_MONTHLY,
    FINDING_NOW,
    Measurement,
)

FOLDER, GROUP, INTERVAL_SECONDS = "utility-meters", "utility-meters", 900
# Findings of a register that fell and that nobody declared.
FELL = ("undeclared_reset", "unconfirmed_fall", "counter_restarts", "counter_turns_back")
_HEAD = """\
# Alert rules; where they go is yours: Grafana's default contact point, or your own notification policy for the label
# `system: utility-meters`. Policies are not provisioned, since that would replace all of yours
# (docs/how-to/grafana.md). Written by `make grafana`.
"""
_MANY = "10000.0"
_RAW_READINGS = f'from(bucket: "{flux.RAW}")\n  |> range(start: -30d)\n  |> filter(fn: (r) => r._field == "value")'


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        uid: Its id.
        title: Its title, English.
        summary: What is the matter, English; `{{ $labels.meter_id }}` names the meter.
        runbook: What to do, English.
        query: Flux; one row a meter, or one for the house.
        above: Fires above this value.
        lasting: How long it must be so before it fires.
    """

    uid: str
    title: str
    summary: str
    runbook: str
    query: str
    above: float
    lasting: str = "30m"


def rules() -> tuple[Rule, ...]:
    """Give the rules."""
    main = flux.chosen("r.main == 1.0", "main")
    return (
        Rule(
            "utility-meters-twice",
            "More than twice the month's average",
            "{{ $labels.meter_id }}: the newest day is more than twice the average of the last thirty.",
            "Open the day on the house page: it says what was expected. Look for a tap, a heater, a guest.",
            _twice(main),
            2.0,
        ),
        Rule(
            "utility-meters-no-reading",
            "No reading for 48 hours",
            "No meter has been read for 48 hours.",
            "See whether Home Assistant runs and writes into InfluxDB; `meters check --connect` says how old it is.",
            _age(_RAW_READINGS, 0),
            48.0,
        ),
        Rule(
            "utility-meters-no-day",
            "No day for 48 hours",
            "The newest computed day ended more than 48 hours ago.",
            "See on Dagster's page, under Deployment, whether the daemon runs. `meters backfill` computes what lacks.",
            _age(flux.source(CONSUMPTION_DAILY, "quality", span="|> range(start: -30d)"), 24),
            48.0,
        ),
        Rule(
            "utility-meters-fell",
            "A register fell",
            "{{ $labels.meter_id }}: the register fell, and no replacement is declared.",
            "Type the replacement in on the house page (Meters, the meter, Replaced), or take a wrong reading back.",
            _findings(f"contains(value: r._value, set: {_listed(FELL)})", "code", FINDING_DAILY, FINDING_NOW),
            0.0,
        ),
        Rule(
            "utility-meters-missing-days",
            "Days are not computed",
            "{{ $labels.meter_id }}: days of the last fortnight are not computed.",
            "Look at the failed runs on Dagster's page. `meters backfill` computes what is missing.",
            _missing(main),
            0.0,
        ),
        Rule(
            "utility-meters-promise",
            "A broken promise",
            "{{ $labels.meter_id }}: days do not add up to the readings. This is a fault of the program.",
            "Keep a backup (`meters backup`) and report it with the finding's sentence.",
            _findings('r._value == "error"', "severity", FINDING_DAILY, FINDING_MONTHLY, FINDING_NOW),
            0.0,
        ),
    )


def rules_yaml(say: Say) -> str:
    """Write the rules as Grafana provisions them."""
    group = {
        "orgId": 1,
        "name": GROUP,
        "folder": FOLDER,
        "interval": f"{INTERVAL_SECONDS // 60}m",
        "rules": [rule_json(rule, say) for rule in rules()],
    }
    text = yaml.safe_dump({"apiVersion": 1, "groups": [group]}, sort_keys=False, allow_unicode=True, width=120)
    return _HEAD + text


def rule_json(rule: Rule, say: Say) -> dict[str, Any]:
    """Give a rule: its query, the newest value of it, and the threshold."""
    return {
        "uid": rule.uid,
        "title": say(rule.title),
        "condition": "C",
        "for": rule.lasting,
        # A rule says by itself when there is nothing, so that "no data" is never an answer.
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": {"system": "utility-meters"},
        "annotations": {"summary": say(rule.summary), "runbook": say(rule.runbook)},
        "data": [
            {
                "refId": "A",
                "datasourceUid": DATASOURCE["uid"],
                "relativeTimeRange": {"from": 30 * 86_400, "to": 0},
                "model": {"refId": "A", "query": rule.query},
            },
            _expression("B", {"type": "reduce", "expression": "A", "reducer": "last"}),
            _expression(
                "C",
                {
                    "type": "threshold",
                    "expression": "B",
                    "conditions": [{"evaluator": {"type": "gt", "params": [rule.above]}}],
                },
            ),
        ],
    }


def _expression(letter: str, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": letter,
        "datasourceUid": "__expr__",
        "relativeTimeRange": {"from": 0, "to": 0},
        "model": {"refId": letter, **model},
    }


def _twice(main: str) -> str:
    days = f"{flux.source(CONSUMPTION_DAILY, 'consumption', span='|> range(start: -32d)')}\n  {flux.MINE}\n"
    return (
        f'{main}days = {days}  |> group(columns: ["meter_id"])\n'
        'newest = days |> last() |> keep(columns: ["meter_id", "_value"])\n'
        'usual = days |> mean() |> keep(columns: ["meter_id", "_value"])\n\n'
        'join(tables: {newest: newest, usual: usual}, on: ["meter_id"])\n'
        "  |> map(fn: (r) => ({meter_id: r.meter_id, _time: now(),\n"
        "    _value: if r._value_usual > 0.0 then r._value_newest / r._value_usual else 0.0}))\n"
        '  |> group(columns: ["meter_id"])'
    )


def _age(points: str, hours: int) -> str:
    """Give the age of the newest point less some hours; very much where there is none. [h]"""  # noqa: D415
    return (
        'import "array"\n\n'
        f"found = {points}\n  |> last()\n  |> group()\n  |> map(fn: (r) => ({{_time: now(),\n"
        f"    _value: {flux.HOURS_SINCE} - {hours}.0}}))\n"
        f"none = array.from(rows: [{{_time: now(), _value: {_MANY}}}])\n\n"
        "union(tables: [found, none])\n  |> group()\n  |> min()"
    )


def _findings(condition: str, field: str, *measurements: Measurement) -> str:
    """Count the findings of the last fortnight that meet a condition, by meter; those of the last review whenever."""
    parts = []
    for measurement in measurements:
        span = "|> range(start: 0)" if measurement is FINDING_NOW else "|> range(start: -14d)"
        parts.append(
            f"{flux.source(measurement, field, span=span)}\n  |> filter(fn: (r) => {condition})\n"
            '  |> group(columns: ["meter_id"])\n  |> count()'
        )
    named = "".join(f"part{k} = {part}\n" for k, part in enumerate(parts))
    tables = ", ".join(f"part{k}" for k in range(len(parts)))
    return (
        f'import "array"\n\n{named}none = array.from(rows: [{{meter_id: "", _value: 0}}])\n\n'
        f'union(tables: [{tables}, none])\n  |> group(columns: ["meter_id"])\n  |> sum()\n'
        "  |> map(fn: (r) => ({meter_id: r.meter_id, _time: now(), _value: float(v: r._value)}))"
    )


def _missing(main: str) -> str:
    return (
        f"{main}there = {flux.source(CONSUMPTION_DAILY, 'quality', span='|> range(start: -385h, stop: -48h)')}\n"
        f'  {flux.MINE}\n  |> group(columns: ["meter_id"])\n  |> count()\n'
        '  |> keep(columns: ["meter_id", "_value"])\n'
        "none = info\n  |> filter(fn: (r) => contains(value: r.meter_id, set: chosen))\n"
        "  |> map(fn: (r) => ({meter_id: r.meter_id, _value: 0}))\n\n"
        'union(tables: [there, none])\n  |> group(columns: ["meter_id"])\n  |> max()\n'
        "  |> map(fn: (r) => ({meter_id: r.meter_id, _time: now(),\n"
        "    _value: if r._value < 14 then 14.0 - float(v: r._value) else 0.0}))"
    )


def _listed(texts: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"

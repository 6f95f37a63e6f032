"""Writes what was found in Home Assistant: its power sensors, and the entries of its Energy dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from workflows_dagster.domain.power_sensors import Found, Role
from workflows_dagster.wording.words import Words, marked

_ROLES: Mapping[Role, str] = {
    "house": marked("the whole house"),
    "circuit": marked("a circuit"),
    "sum": marked("a sum of others"),
    "unsure": marked("perhaps the whole house"),
}


def sensor_row(found: Found, words: Words) -> tuple[str, str, str, str]:
    """Write a sensor: its id, its name, what it shows, what it is taken for."""
    sensor = found.sensor
    role = words.say(_ROLES[found.role])
    if found.parts:
        role = f"{role} ({', '.join(found.parts)})"
    shown = "–" if sensor.watts is None else f"{words.format.count(round(sensor.watts))} W"
    return sensor.entity_id, sensor.name, shown, role


def unsure_text(found: Sequence[Found], words: Words) -> str:
    """Ask which sensor is the whole house's."""
    candidates = [one.sensor.entity_id for one in found if one.role == "unsure"]
    return words.say(
        "Nothing says which one is the whole house. Name it in config.yaml as home_assistant.power_entity; "
        "perhaps it is {names}.",
        names=", ".join(candidates) or words.say("none of these"),
    )


def plan_lines(
    added: Mapping[str, str],
    removed: Sequence[str],
    without_place: Sequence[str],
    doubled: Mapping[str, str],
    words: Words,
) -> Iterator[str]:
    """Write what would change in the Energy dashboard.

    Args:
        added: Statistics that get an entry, each with its place.
        removed: Statistics that lose theirs.
        without_place: Meters that the dashboard has no place for.
        doubled: Entities of others that count the same meter, by meter.
        words: The reader's language.
    """
    for statistic, place in added.items():
        yield f"+ {statistic} ({place})"
    for statistic in removed:
        yield f"- {statistic}"
    if not added and not removed:
        yield words.say("The Energy dashboard has all entries.")
    for name in without_place:
        yield words.say(
            "{meter} has no place in the dashboard; its hours are under Developer tools, Statistics.", meter=name
        )
    for name, entity in doubled.items():
        yield words.say(
            "{entity} counts {meter} too, and the dashboard adds both: remove it there.", entity=entity, meter=name
        )


def live_text(code: str, problem: str, held: int, store_problem: str, silent: Sequence[str], words: Words) -> str:
    """Write how the live connection is.

    Args:
        code: `off`, `connecting`, `connected`, `no_house` or `failing`.
        problem: Why it fails.
        held: Rows that wait for the store.
        store_problem: Why the store does not take them; empty if it does.
        silent: Sensors of power that have sent nothing for a day.
        words: The reader's language.
    """
    if code == "failing":
        return problem
    told = {
        "off": words.say("No live connection is set up."),
        "connecting": words.say("Home Assistant: connecting."),
        "no_house": words.say(
            "Home Assistant: connected, but nothing says which power is the whole house's. Name its sensor as "
            "home_assistant.power_entity; `meters home-assistant entities` lists them."
        ),
    }.get(code, words.say("Home Assistant: connected."))
    if store_problem:
        waiting = words.say_count("{number} value waits for the store", "{number} values wait for the store", held)
        told = f"{told} {waiting}: {store_problem}"
    if silent:
        names = ", ".join(silent)
        told = f"{told} " + words.say("These sensors of power have sent nothing for a day: {names}.", names=names)
    return told

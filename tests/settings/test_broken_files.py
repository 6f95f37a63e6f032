"""Whatever is wrong is said with file, key, value and remedy, and never as a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.settings.broken import ODD, lines, places, replaced
from tests.settings.houses import CONFIG, METERS, PATTERNS, SHIPPED, complaints, write_house
from workflows_dagster.settings.load import load

PHYSICAL = "meters:\n  - {meter_id: m, type: physical, output_unit: kWh, %s}\n"
GAS = """\
meters:
  - {meter_id: gas_main, type: physical, output_unit: m³}
  - {meter_id: boiler, type: physical, output_unit: kWh}
  - meter_id: fireplace
    type: virtual
    output_unit: m³
    base_meter: gas_main
    subtract_meters: [boiler]
"""
CONVERSION = "    subtract_meter_conversions: {boiler: {from_unit: %s, to_unit: %s}}\n"
GAS_PAIR = "gas_conversion: {energy_content: 11.504, z_factor: 0.8885}\n"
MASTER = """\
meters:
  - {meter_id: a, type: physical, output_unit: kWh}
  - {meter_id: b, type: physical, output_unit: kWh}
  - meter_id: total
    type: master
    output_unit: kWh
    periods:
"""


def _master(*periods: str) -> str:
    return MASTER + "".join(f"      - {{{period}}}\n" for period in periods)


def _month(values: str) -> str:
    return f"patterns: {{mains: {{monthly_percentages: {values}}}}}\n"


BROKEN_METERS = {
    "unknown meter, misspelt": (
        METERS.replace("subtract_meters: [flat]", "subtract_meters: [flta]"),
        "meters.yaml: rest.subtract_meters[0]: no meter 'flta'. Did you mean 'flat'?",
    ),
    "unknown base meter": (
        METERS.replace("base_meter: total", "base_meter: zebra"),
        "meters.yaml: rest.base_meter: no meter 'zebra'. Describe it in the file, or remove the name.",
    ),
    "unknown source": (
        METERS.replace("source_meters: [new]", "source_meters: [nwe]"),
        "meters.yaml: total.periods[1].source_meters[0]: no meter 'nwe'. Did you mean 'new'?",
    ),
    "unknown key": (
        METERS.replace("pattern: mains", "patern: mains"),
        "meters.yaml: flat.patern: unknown key. Did you mean 'pattern'?",
    ),
    "unknown key in a period": (
        METERS.replace("start_date: 2024-11-27", "start_date: 2024-11-27, aply_offset_from_previous_period: true"),
        "meters.yaml: total.periods[1].aply_offset_from_previous_period: unknown key. "
        "Did you mean 'apply_offset_from_previous_period'?",
    ),
    "key of another type": (
        PHYSICAL % "base_meter: x",
        "meters.yaml: m.base_meter: unknown key. It is a key of virtual meters; remove it, or correct the type.",
    ),
    "cycle": (
        """\
meters:
  - {meter_id: x, type: physical, output_unit: kWh}
  - {meter_id: a, type: virtual, output_unit: kWh, base_meter: b, subtract_meters: [x]}
  - {meter_id: b, type: virtual, output_unit: kWh, base_meter: x, subtract_meters: [a]}
""",
        "meters.yaml: b.subtract_meters[0]: a meter cannot be made from itself: a → b → a. "
        "Break the cycle at one of them.",
    ),
    "itself": (
        METERS.replace("base_meter: total", "base_meter: rest"),
        "meters.yaml: rest.base_meter: a meter cannot be made from itself: rest → rest. "
        "Break the cycle at one of them.",
    ),
    "overlap": (
        METERS.replace("start_date: 2024-11-27", "start_date: 2024-11-26"),
        "meters.yaml: total.periods[1].start_date: 2024-11-26 overlaps the period that begins on 2020-01-01 and ends "
        "2024-11-26. End that period on 2024-11-25, or begin this one later.",
    ),
    "overlap with an open period": (
        METERS.replace("end_date: 2024-11-26, composition_type", "composition_type"),
        "meters.yaml: total.periods[1].start_date: 2024-11-27 overlaps the period that begins on 2020-01-01 and ends "
        "never. End that period on 2024-11-26, or begin this one later.",
    ),
    "gap": (
        METERS.replace("start_date: 2024-11-27", "start_date: 2024-12-01"),
        "meters.yaml: total.periods[1].start_date: 2024-12-01 leaves a gap after the period that ends on 2024-11-26. "
        "Begin on 2024-11-27, or fill the gap with a period.",
    ),
    "a gap of one day": (
        METERS.replace("start_date: 2024-11-27", "start_date: 2024-11-28"),
        "meters.yaml: total.periods[1].start_date: 2024-11-28 leaves a gap after the period that ends on 2024-11-26. "
        "Begin on 2024-11-27, or fill the gap with a period.",
    ),
    "a short period inside of a long one": (
        _master(
            "start_date: 2020-01-01, end_date: 2020-12-31, composition_type: single, source_meters: [a]",
            "start_date: 2020-03-01, end_date: 2020-03-31, composition_type: single, source_meters: [b]",
            "start_date: 2021-01-01, composition_type: single, source_meters: [b]",
        ),
        "meters.yaml: total.periods[1].start_date: 2020-03-01 overlaps the period that begins on 2020-01-01 and ends "
        "2020-12-31. End that period on 2020-02-29, or begin this one later.",
    ),
    "a period that ends before it starts": (
        METERS.replace("end_date: 2024-11-26, composition_type", "end_date: 2019-11-26, composition_type"),
        "meters.yaml: total.periods[0].end_date: 2019-11-26 lies before the start_date 2020-01-01. "
        "Correct one of the two.",
    ),
    "single with several sources": (
        _master("start_date: 2020-01-01, composition_type: single, source_meters: [a, b]"),
        "meters.yaml: total.periods[0].source_meters: 2 sources (a, b), but composition_type is single. "
        "Write composition_type: sum, or keep one source.",
    ),
    "no sources": (
        _master("start_date: 2020-01-01, composition_type: sum, source_meters: []"),
        "meters.yaml: total.periods[0].source_meters: the list is empty. Name the meter that the period is made from.",
    ),
    "a source twice": (
        _master("start_date: 2020-01-01, composition_type: sum, source_meters: [a, b, a]"),
        "meters.yaml: total.periods[0].source_meters[2]: 'a' stands in the list twice. "
        "Name each source once, or it counts double.",
    ),
    "sources that are no list": (
        _master("start_date: 2020-01-01, composition_type: sum, source_meters: a"),
        "meters.yaml: total.periods[0].source_meters: 'a' is not a list. Write a list, such as [a, b].",
    ),
    "unknown composition": (
        _master("start_date: 2020-01-01, composition_type: summ, source_meters: [a, b]"),
        "meters.yaml: total.periods[0].composition_type: 'summ' is not single or sum. Did you mean 'sum'?",
    ),
    "no periods": (
        MASTER.rstrip() + " []\n",
        "meters.yaml: total.periods: the list is empty. Describe at least one period.",
    ),
    "a start within a day": (
        _master("start_date: 2020-01-01 10:30:00, composition_type: single, source_meters: [a]"),
        "meters.yaml: total.periods[0].start_date: 2020-01-01 10:30:00 is not midnight. "
        "Write the day alone: 2020-01-01.",
    ),
    "bad unit": (
        PHYSICAL.replace("kWh", "kwh") % "description: x",
        "meters.yaml: m.output_unit: unknown unit 'kwh'. Did you mean 'kWh'?",
    ),
    "bad source unit": (
        METERS.replace("source_meters: [new]", "source_meters: [new], source_unit: gallons"),
        "meters.yaml: total.periods[1].source_unit: unknown unit 'gallons'. Write one of kWh, Wh, MWh, GJ, m³, l, HKV.",
    ),
    "a source of another quantity": (
        METERS.replace("new, type: physical, output_unit: kWh", "new, type: physical, output_unit: m3"),
        "meters.yaml: total.periods[1].source_meters[0]: 'new' is in m³, which does not convert into the output_unit "
        "kWh. Name a meter of the same quantity, or write output_unit: m³.",
    ),
    "a source unit that the source has not": (
        METERS.replace("source_meters: [new]", "source_meters: [new], source_unit: m3"),
        "meters.yaml: total.periods[1].source_unit: m³ is not what 'new' measures, which is in kWh. "
        "Write source_unit: kWh.",
    ),
    "a base of another quantity": (
        METERS.replace("rest, type: virtual, output_unit: kWh", "rest, type: virtual, output_unit: l"),
        "meters.yaml: rest.base_meter: 'total' is in kWh, which does not convert into the output_unit l. "
        "Name a meter of the same quantity, or write output_unit: kWh.",
    ),
    "gas into energy, not declared": (
        GAS,
        "meters.yaml: fireplace.subtract_meters[0]: 'boiler' is in kWh, fireplace in m³, and no conversion is "
        "declared. Add boiler: {from_unit: kWh, to_unit: m³} to subtract_meter_conversions.",
    ),
    "water into energy": (
        GAS.replace("gas_main", "water_main") + CONVERSION % ("kWh", "m3"),
        "meters.yaml: fireplace.subtract_meters[0]: 'boiler' is in kWh, which does not convert into m³, fireplace not "
        "being gas. Subtract a meter of the same quantity, or set utility: gas.",
    ),
    "a conversion from another unit": (
        GAS + CONVERSION % ("MWh", "m³"),
        "meters.yaml: fireplace.subtract_meter_conversions.boiler.from_unit: MWh is not the unit of 'boiler', which is "
        "kWh. Write from_unit: kWh.",
    ),
    "a conversion into another unit": (
        GAS + CONVERSION % ("kWh", "l"),
        "meters.yaml: fireplace.subtract_meter_conversions.boiler.to_unit: l is not the unit of 'fireplace', which is "
        "m³. Write to_unit: m³.",
    ),
    "a conversion of what is not subtracted": (
        GAS + CONVERSION.replace("}}", "}, boilr: {from_unit: kWh, to_unit: m³}}") % ("kWh", "m³"),
        "meters.yaml: fireplace.subtract_meter_conversions.boilr: 'boilr' is not subtracted. Did you mean 'boiler'?",
    ),
    "the base subtracted from itself": (
        METERS.replace("subtract_meters: [flat]", "subtract_meters: [total]"),
        "meters.yaml: rest.subtract_meters[0]: 'total' is the base_meter itself. Subtract other meters than the base.",
    ),
    "nothing subtracted": (
        METERS.replace("subtract_meters: [flat]", "subtract_meters: []"),
        "meters.yaml: rest.subtract_meters: the list is empty. Name the meters to subtract.",
    ),
    "duplicate id": (
        METERS + "  - {meter_id: old, type: physical, output_unit: kWh}\n",
        "meters.yaml: meters[5].meter_id: 'old' is the id of meters[0] too. Give each meter its own id.",
    ),
    "ids that differ by case": (
        METERS + "  - {meter_id: OLD, type: physical, output_unit: kWh}\n",
        "meters.yaml: meters[5].meter_id: 'OLD' differs from 'old' in meters[0] by upper and lower case only. "
        "Give each meter its own id.",
    ),
    "duplicate key": (
        "meters:\n  - meter_id: m\n    type: physical\n    output_unit: kWh\n    output_unit: MWh\n",
        "meters.yaml: m.output_unit: the key stands twice, on lines 4 and 5. Keep one of them.",
    ),
    "duplicate id as key": (
        "meters:\n  m: {type: physical, output_unit: kWh}\n  m: {type: physical, output_unit: kWh}\n",
        "meters.yaml: meters.m: the key stands twice, on lines 2 and 3. Keep one of them.",
    ),
    "two ids for one meter": (
        "meters:\n  m: {meter_id: n, type: physical, output_unit: kWh}\n",
        "meters.yaml: m.meter_id: 'n' is not the name that it stands under, 'm'. "
        "Make them the same, or remove meter_id.",
    ),
    "an id that an asset cannot carry": (
        "meters:\n  - {meter_id: büro-strom, type: physical, output_unit: kWh}\n",
        "meters.yaml: büro-strom.meter_id: 'büro-strom' cannot name an asset or a tag. "
        "Use at most 100 letters A-Z, digits and _; the entity's own name can stand in source.entity_id.",
    ),
    "an id with a line break": (
        'meters:\n  - {meter_id: "m\\n", type: physical, output_unit: kWh}\n',
        "meters.yaml: m\\n.meter_id: 'm\\n' cannot name an asset or a tag. "
        "Use at most 100 letters A-Z, digits and _; the entity's own name can stand in source.entity_id.",
    ),
    "an id of our own assets": (
        "meters:\n  - {meter_id: costs, type: physical, output_unit: kWh}\n",
        "meters.yaml: costs.meter_id: 'costs' is the name of one of the system's own assets. Choose another id.",
    ),
    "an id that Dagster keeps": (
        "meters:\n  - {meter_id: input, type: physical, output_unit: kWh}\n",
        "meters.yaml: input.meter_id: 'input' is a word that Dagster keeps for itself. Choose another id.",
    ),
    "an id that is a number": (
        "meters:\n  - {meter_id: 4711, type: physical, output_unit: kWh}\n",
        "meters.yaml: meters[0].meter_id: 4711 is not text. Put it in quotes.",
    ),
    "no id": (
        "meters:\n  - {type: physical, output_unit: kWh}\n",
        "meters.yaml: meters[0].meter_id: the key is missing. Add it.",
    ),
    "no unit": (
        "meters:\n  - {meter_id: m, type: physical}\n",
        "meters.yaml: m.output_unit: the key is missing. Add it.",
    ),
    "no type": (
        "meters:\n  - {meter_id: m, output_unit: kWh}\n",
        "meters.yaml: m.type: the key is missing. Write type: physical, master or virtual.",
    ),
    "unknown type": (
        "meters:\n  - {meter_id: m, type: phisical, output_unit: kWh}\n",
        "meters.yaml: m.type: 'phisical' is not physical, master or virtual. Did you mean 'physical'?",
    ),
    "removed before it was installed": (
        PHYSICAL % "installation_date: 2024-11-26, deinstallation_date: 2024-11-25",
        "meters.yaml: m.deinstallation_date: 2024-11-25 lies before the installation_date 2024-11-26. "
        "Correct one of the two.",
    ),
    "removed an hour before it was installed": (
        PHYSICAL % "installation_date: 2024-11-26 10:00:00, deinstallation_date: 2024-11-26 09:00:00",
        "meters.yaml: m.deinstallation_date: 2024-11-26 09:00:00 lies before the installation_date "
        "2024-11-26 10:00:00. Correct one of the two.",
    ),
    "a date of the German kind": (
        PHYSICAL % "installation_date: 26.11.2024",
        "meters.yaml: m.installation_date: '26.11.2024' is not a date. Write it as 2024-11-26.",
    ),
    "a day that no calendar has": (
        PHYSICAL % "installation_date: 2024-02-30",
        "meters.yaml: m.installation_date: '2024-02-30' is not a date. Write it as 2024-11-26.",
    ),
    "a date that is a number": (
        PHYSICAL % "installation_date: 20241126",
        "meters.yaml: m.installation_date: 20241126 is not a date. Write it as 2024-11-26.",
    ),
    "no resolution": (
        PHYSICAL % "resolution: 0",
        "meters.yaml: m.resolution: 0 is not above 0. Write a number above 0.",
    ),
    "a resolution that is no number": (
        PHYSICAL % "resolution: .nan",
        "meters.yaml: m.resolution: nan is not a finite number. Write a number, with a decimal point.",
    ),
    "a decimal comma": (
        PHYSICAL % "initial_reading: '12,5'",
        "meters.yaml: m.initial_reading: 12,5 has a decimal comma. Write 12.5.",
    ),
    "a switch for a number": (
        PHYSICAL % "register_digits: yes",
        "meters.yaml: m.register_digits: true is not a number. Write a number.",
    ),
    "an initial reading with too many digits": (
        PHYSICAL % "register_digits: 3, initial_reading: 1000",
        "meters.yaml: m.register_digits: 3 digits cannot show the initial_reading 1000. "
        "Count the digits before the decimal mark again.",
    ),
    "an interval meter with a register": (
        PHYSICAL % "register_digits: 5, source: {kind: interval}",
        "meters.yaml: m.register_digits: a source of kind interval has no register that could wrap around. "
        "Remove the key.",
    ),
    "unknown kind of source": (
        PHYSICAL % "source: {kind: intervall}",
        "meters.yaml: m.source.kind: 'intervall' is not register, resetting or interval. Did you mean 'interval'?",
    ),
    "an entity with its domain": (
        PHYSICAL % "source: {entity_id: sensor.power}",
        "meters.yaml: m.source.entity_id: 'sensor.power' carries its domain, which InfluxDB keeps apart. "
        "Write entity_id: power, and domain: sensor beside it if need be.",
    ),
    "unknown utility": (
        PHYSICAL % "utility: electric",
        "meters.yaml: m.utility: 'electric' is not electricity, gas, water, heat or solar. Did you mean 'electricity'?",
    ),
    "unknown pattern": (
        METERS.replace("pattern: mains", "pattern: main"),
        "meters.yaml: flat.pattern: no pattern 'main' in seasonal_patterns.yaml. Did you mean 'mains'?",
    ),
    "a meter that is no mapping": (
        METERS + "  - spare\n",
        "meters.yaml: meters[5]: 'spare' is not a mapping. Write `meter_id:` and the other keys below it.",
    ),
    "no meters": (
        "meters:\n",
        "meters.yaml: meters: an empty value holds no meters. "
        "Write `meters:` and below it one `- meter_id: …` a meter.",
    ),
    "unknown top-level key": (
        METERS.replace("meters:\n", "metres: 1\nmeters:\n", 1),
        "meters.yaml: metres: unknown key. Did you mean 'meters'?",
    ),
    "a list": (
        "- meter_id: m\n",
        "meters.yaml: the file holds a list, not a mapping. Begin it with `key:` lines.",
    ),
    "a sentence": (
        "hello\n",
        "meters.yaml: the file holds the value 'hello', not a mapping. Begin it with `key:` lines.",
    ),
    "empty": (
        "# nothing yet\n",
        "meters.yaml: the file is empty. Describe the meters there; the file that comes with the system shows how.",
    ),
    "not YAML": (
        "meters:\n  - {meter_id: m\n  - x\n",
        "meters.yaml: line 4, column 1: not YAML: while parsing a flow mapping, expected ',' or '}', but got "
        "'<stream end>'. Check indentation, colons and quotes there.",
    ),
    "a tab": (
        "meters:\n\t- x\n",
        "meters.yaml: line 2, column 1: not YAML: while scanning for the next token, found character '\\t' that cannot "
        "start any token. Check indentation, colons and quotes there.",
    ),
    "a control character": (
        "meters:\n  - \x07\n",
        "meters.yaml: line 2: not YAML: a control character. Remove it.",
    ),
    "an odd tag": (
        "meters: !!int seven\n",
        "meters.yaml: not YAML that can be read: invalid literal for int() with base 10: 'seven'. "
        "Remove the tag (!!…) or the odd value.",
    ),
    "another encoding": (
        "meters:\n  - {meter_id: m, description: Büro}\n".encode("latin-1"),
        "meters.yaml: line 2: not UTF-8: byte 0xfc. Save the file with the encoding UTF-8.",
    ),
}


@pytest.mark.parametrize(("written", "line"), BROKEN_METERS.values(), ids=BROKEN_METERS.keys())
def test_a_mistake_in_the_meters_is_said_in_one_line(tmp_path: Path, written: str | bytes, line: str):
    config = CONFIG + GAS_PAIR
    assert complaints(tmp_path, config=config, meters=written) == [line]


BROKEN_CONFIG = {
    "unknown section": (
        "influx: {url: http://nas:8086}\n",
        "config.yaml: influx: unknown key. Did you mean 'influxdb'?",
    ),
    "unknown key": (
        "influxdb: {bucket: lampfi}\n",
        "config.yaml: influxdb.bucket: unknown key. Did you mean 'bucket_raw'?",
    ),
    "unknown key below": (
        "workflows: {analytics: {start: 2020}}\n",
        "config.yaml: workflows.analytics.start: unknown key. Did you mean 'start_year'?",
    ),
    "a token": (
        "influxdb: {token: s3cr3t}\n",
        "config.yaml: influxdb.token: unknown key. "
        "Secrets do not belong here; put it in secrets/*.env (see secrets/README.md).",
    ),
    "a login in the address": (
        "influxdb: {url: 'http://me:s3cr3t@nas:8086'}\n",
        "config.yaml: influxdb.url: the address holds a login. Put secrets in secrets/*.env, and only the host here.",
    ),
    "no address": (
        "influxdb: {url: 'nas:8086'}\n",
        "config.yaml: influxdb.url: 'nas:8086' is not an address. Write it as http://localhost:8086.",
    ),
    "a page's address instead of its host": (
        "dagster_page: {hosts: ['http://nas.local:3000']}\n",
        "config.yaml: dagster_page.hosts[0]: 'http://nas.local:3000' is no host name or address. "
        "Write it as nas.local or 192.168.1.5, without http:// and without a port.",
    ),
    "any host": (
        "dagster_page: {hosts: ['*']}\n",
        "config.yaml: dagster_page.hosts[0]: '*' is no host name or address. "
        "Write it as nas.local or 192.168.1.5, without http:// and without a port.",
    ),
    "an address that there is not": (
        "dagster_page: {hosts: ['192.168.1.500']}\n",
        "config.yaml: dagster_page.hosts[0]: '192.168.1.500' is no host name or address. "
        "Write it as nas.local or 192.168.1.5, without http:// and without a port.",
    ),
    "one host instead of a list": (
        "dagster_page: {hosts: nas.local}\n",
        "config.yaml: dagster_page.hosts: 'nas.local' is not a list. Write a list, such as [a, b].",
    ),
    "one bucket for both": (
        "influxdb: {bucket_processed: lampfi}\n",
        "config.yaml: influxdb.bucket_processed: 'lampfi' is bucket_raw too. Give the results a bucket of their own.",
    ),
    "a key that is nothing like ours": (
        "logging: {colour: red}\n",
        "config.yaml: logging.colour: unknown key. "
        "Remove it; known keys are level, format, file, max_bytes, backup_count.",
    ),
    "unknown zone": (
        "timezone: Europe/Berln\n",
        "config.yaml: timezone: no time zone 'Europe/Berln'. Did you mean 'Europe/Berlin'?",
    ),
    "half a zone": (
        "timezone: Europe\n",
        "config.yaml: timezone: no time zone 'Europe'. Did you mean 'Europe/Rome'?",
    ),
    "a zone outside of the zones": (
        "timezone: ../etc/passwd\n",
        "config.yaml: timezone: no time zone '../etc/passwd'. Write an IANA name, such as Europe/Berlin.",
    ),
    "a language that nothing is translated into": (
        "language: fr\n",
        "config.yaml: language: 'fr' is not de or en. Write de or en.",
    ),
    "unknown backend": (
        "storage: {backend: influx}\n",
        "config.yaml: storage.backend: 'influx' is not embedded or influxdb. Did you mean 'influxdb'?",
    ),
    "a schedule of six fields": (
        "workflows: {analytics: {schedule: '0 0 2 * * *'}}\n",
        "config.yaml: workflows.analytics.schedule: '0 0 2 * * *' has 6 fields instead of 5. "
        "Write minute, hour, day, month and weekday, such as 0 2 * * *, or @daily.",
    ),
    "an hour that no day has": (
        "workflows: {tibber_sync: {schedule: '5 25 * * *'}}\n",
        "config.yaml: workflows.tibber_sync.schedule: '5 25 * * *' is no cron schedule. "
        "Write minute, hour, day, month and weekday, such as 0 2 * * *, or @daily.",
    ),
    "a day that never comes": (
        "upkeep: {backup_schedule: '0 0 31 2 *'}\n",
        "config.yaml: upkeep.backup_schedule: '0 0 31 2 *' names a day that never comes. "
        "Write a day that comes, such as 0 2 1 * * or 0 2 L * * for the last of each month.",
    ),
    "no time": (
        "influxdb: {timeout: 0}\n",
        "config.yaml: influxdb.timeout: 0 is not above 0. Write a number above 0.",
    ),
    "a negative factor": (
        "gas_conversion: {energy_content: -11, z_factor: 0.9}\n",
        "config.yaml: gas_conversion[0].energy_content: -11 is not above 0. Write a number above 0.",
    ),
    "two pairs, one undated": (
        "gas_conversion: [{energy_content: 11, z_factor: 0.9}, "
        "{valid_from: 2024-01-01, energy_content: 11, z_factor: 0.9}]\n",
        "config.yaml: gas_conversion[0].valid_from: the key is missing. Add the first day of the pair.",
    ),
    "two pairs from one day": (
        "gas_conversion: [{valid_from: 2024-01-01, energy_content: 11, z_factor: 0.9}, "
        "{valid_from: 2024-01-01, energy_content: 12, z_factor: 0.9}]\n",
        "config.yaml: gas_conversion[1].valid_from: 2024-01-01 stands before another pair too. "
        "Give each pair its own first day.",
    ),
    "no pairs": (
        "gas_conversion: []\n",
        "config.yaml: gas_conversion: the list is empty. Give energy_content and z_factor, or remove the key.",
    ),
    "duplicate section": (
        "timezone: Europe/Berlin\ntimezone: UTC\n",
        "config.yaml: timezone: the key stands twice, on lines 1 and 2. Keep one of them.",
    ),
    "a section that is no mapping": (
        "logging: loud\n",
        "config.yaml: logging: 'loud' is not a mapping. Write `key: value` lines below it.",
    ),
    "a key that is a number": (
        "1: x\n",
        "config.yaml: 1: the key 1 is not text. Put it in quotes.",
    ),
    "empty": (
        "",
        "config.yaml: the file is empty. Copy the one that comes with the system, or write `timezone:` into it.",
    ),
    "a path that leads nowhere": (
        "meters_config: house.yaml\n",
        "house.yaml: no such file in FOLDER. Describe the meters there; the file that comes with the system shows how.",
    ),
    "a path that no file can have": (
        'meters_config: "house\\0.yaml"\n',
        "config.yaml: meters_config: 'house\\x00.yaml' holds a line break or a control character. "
        "Write it on one line, without it.\n"
        "house\\x00.yaml: the path holds a character that no path can. Correct the path.",
    ),
    "influxdb without secrets": (
        "storage: {backend: influxdb}\n",
        "config.yaml: storage.backend: 'influxdb' needs INFLUX_TOKEN, which is not set. "
        "Write INFLUX_TOKEN into secrets/influxdb.env.\n"
        "config.yaml: storage.backend: 'influxdb' needs INFLUX_ORG, which is not set. "
        "Write INFLUX_ORG into secrets/influxdb.env.",
    ),
}


@pytest.mark.parametrize(("written", "lines"), BROKEN_CONFIG.values(), ids=BROKEN_CONFIG.keys())
def test_a_mistake_in_the_site_is_said_in_one_line(tmp_path: Path, written: str, lines: str):
    found = complaints(tmp_path, config=written)
    assert found == lines.replace("FOLDER", str(tmp_path / "config")).splitlines()
    assert "s3cr3t" not in "".join(found)


BROKEN_PATTERNS = {
    "eleven months": (
        _month("[9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 10]"),
        "seasonal_patterns.yaml: patterns.mains.monthly_percentages: 11 percentages instead of 12. "
        "Write one a month, January first.",
    ),
    "negative": (
        _month("[-1, 19, 9, 8, 8, 8, 8, 8, 8, 8, 8, 9]"),
        "seasonal_patterns.yaml: patterns.mains.monthly_percentages[0]: -1.0 is negative. Write 0 or more.",
    ),
    "too much": (
        _month("[9, 8, 9, 8, 8, 8, 8, 8, 8, 8, 9, 12.1]"),
        "seasonal_patterns.yaml: patterns.mains.monthly_percentages: the percentages sum to 103.1 instead of 100. "
        "Correct the months.",
    ),
    "nothing at all": (
        _month("[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"),
        "seasonal_patterns.yaml: patterns.mains.monthly_percentages: the percentages sum to 0 instead of 100. "
        "Correct the months.",
    ),
    "a word": (
        _month("[9, 8, 9, 8, 8, 8, 8, 8, 8, 8, 9, nine]"),
        "seasonal_patterns.yaml: patterns.mains.monthly_percentages[11]: 'nine' is not a number. "
        "Write a number, with a decimal point.",
    ),
    "unknown key": (
        PATTERNS.replace("monthly_percentages", "monthly_percentage"),
        "seasonal_patterns.yaml: patterns.mains.monthly_percentages: the key is missing. Add it.\n"
        "seasonal_patterns.yaml: patterns.mains.monthly_percentage: unknown key. Did you mean 'monthly_percentages'?",
    ),
    "duplicate pattern": (
        PATTERNS + "  mains: {monthly_percentages: [9, 8, 9, 8, 8, 8, 8, 8, 8, 8, 9, 9]}\n",
        "seasonal_patterns.yaml: patterns.mains: the key stands twice, on lines 2 and 3. Keep one of them.",
    ),
    "a list": (
        "patterns: [1, 2]\n",
        "seasonal_patterns.yaml: patterns: a list is not a mapping. Write `key: value` lines below it.",
    ),
}


@pytest.mark.parametrize(("written", "lines"), BROKEN_PATTERNS.values(), ids=BROKEN_PATTERNS.keys())
def test_a_mistake_in_the_patterns_is_said_in_one_line(tmp_path: Path, written: str, lines: str):
    assert complaints(tmp_path, patterns=written) == lines.splitlines()


def test_missing_files_are_all_named(tmp_path: Path):
    found = complaints(tmp_path, config=None, meters=None, patterns=None)
    assert [line.split(". ")[0] for line in found] == [
        f"{name}: no such file in {tmp_path / 'config'}"
        for name in ("config.yaml", "meters.yaml", "seasonal_patterns.yaml")
    ]


def test_a_folder_in_the_place_of_a_file_is_said(tmp_path: Path):
    (tmp_path / "seat.yaml").mkdir()
    found = complaints(tmp_path, config=f"meters_config: {tmp_path / 'seat.yaml'}\n")
    assert found == [f"seat.yaml: {tmp_path / 'seat.yaml'} cannot be read: is a directory. Put a readable file there."]


def test_a_path_that_is_too_long_is_said(tmp_path: Path):
    found = complaints(tmp_path, config=f"meters_config: {'x' * 400}.yaml\n")
    assert len(found) == 1
    assert "cannot be read: file name too long. Put a readable file there." in found[0]


def test_gas_that_is_converted_needs_its_factors(tmp_path: Path):
    assert complaints(tmp_path, meters=GAS + CONVERSION % ("kWh", "m³")) == [
        "config.yaml: gas_conversion: the key is missing, and fireplace converts between energy and gas volume. "
        "Give energy_content and z_factor from your gas bill."
    ]


def test_tibber_with_a_token_needs_a_meter(tmp_path: Path):
    environ = {"TIBBER_API_TOKEN": "t0ken"}
    assert complaints(tmp_path, environ, config="tibber: {meter_id: totl}\n") == [
        "config.yaml: tibber.meter_id: no meter 'totl'. Did you mean 'total'?"
    ]


def test_everything_is_said_at_once_across_all_files(tmp_path: Path):
    meters = """\
meters:
  - {meter_id: a, type: physical, output_unit: kwh, installation_date: 2024-01-01, deinstallation_date: 2023-01-01}
  - {meter_id: a, type: physical, output_unit: kWh, resolution: -1, colour: red}
  - {meter_id: v, type: virtual, output_unit: furlong, base_meter: w, subtract_meters: [a, nobody]}
  - {meter_id: w, type: virtual, output_unit: kWh, base_meter: v, subtract_meters: [a]}
  - meter_id: total
    type: master
    output_unit: kWh
    periods:
      - {start_date: 2020-01-01, end_date: 2020-12-31, composition_type: single, source_meters: [a, ghost]}
      - {start_date: 2021-02-01, composition_type: sum, source_meters: [], comment: new}
  - {meter_id: p, type: physical, output_unit: kWh, pattern: winter}
"""
    found = complaints(
        tmp_path,
        {"INFLUX_TOKEN_FILE": str(tmp_path / "nowhere")},
        config="timezone: Mars/Olympus\nlogging: {level: loud}\n",
        meters=meters,
        patterns=_month("[1, 2]"),
    )
    assert [line.split(": ")[0] + ": " + line.split(": ")[1] for line in found] == [
        "config.yaml: timezone",
        "config.yaml: logging.level",
        "meters.yaml: a.output_unit",
        "meters.yaml: a.deinstallation_date",
        "meters.yaml: a.resolution",
        "meters.yaml: a.colour",
        "meters.yaml: v.output_unit",
        "meters.yaml: total.periods[0].source_meters",
        "meters.yaml: total.periods[1].source_meters",
        "meters.yaml: total.periods[1].comment",
        "meters.yaml: total.periods[1].start_date",
        "meters.yaml: meters[1].meter_id",
        "meters.yaml: v.subtract_meters[1]",
        "meters.yaml: total.periods[0].source_meters[1]",
        "meters.yaml: w.base_meter",
        "seasonal_patterns.yaml: patterns.mains.monthly_percentages",
        "meters.yaml: p.pattern",
        "environment: INFLUX_TOKEN_FILE",
    ]


def test_a_meter_that_is_wrong_by_itself_is_not_unknown_to_others(tmp_path: Path):
    found = complaints(tmp_path, meters=METERS.replace("pattern: mains", "resolution: -1"))
    assert found == ["meters.yaml: flat.resolution: -1 is not above 0. Write a number above 0."]


def test_a_file_that_contains_itself_is_refused_without_a_traceback(tmp_path: Path):
    found = complaints(tmp_path, meters="meters: &all\n  - *all\n  - {meter_id: m, type: physical, output_unit: kWh}\n")
    assert found == ["meters.yaml: meters[0]: a list is not a mapping. Write `meter_id:` and the other keys below it."]


def test_a_file_nested_beyond_reason_is_refused_without_a_traceback(tmp_path: Path):
    found = complaints(tmp_path, meters="meters: " + "[" * 5000 + "]" * 5000)
    assert found == ["meters.yaml: the lists and mappings are nested too deeply. Write them flatter."]


# What is whole, and what might stand in any place of it.
WHOLE = {
    "config.yaml": (SHIPPED / "config.yaml").read_text(encoding="utf-8"),
    "meters.yaml": METERS + GAS.removeprefix("meters:\n") + CONVERSION % ("kWh", "m³"),
    "seasonal_patterns.yaml": PATTERNS,
}


@pytest.mark.parametrize("file", WHOLE)
def test_no_value_in_any_place_ends_in_a_traceback(tmp_path: Path, file: str):
    texts = {name: text.encode() for name, text in WHOLE.items()}
    folder = write_house(tmp_path, **dict(zip(("config", "meters", "patterns"), texts.values(), strict=True)))
    assert load(folder, {})
    content = yaml.safe_load(WHOLE[file])
    for number, path in enumerate(places(content)):
        # Every place meets a few of the odd values, every odd value many places.
        for odd in ODD[number % 4 :: 4]:
            (folder / file).write_text(yaml.safe_dump(replaced(content, path, odd)), encoding="utf-8")
            assert all(line.endswith((".", "?", ").")) for line in lines(folder))


@pytest.mark.parametrize(
    ("line", "number"),
    [
        pytest.param("{valid_from: 2023-01-01, unit_price: 0,11, per: kWh}", "0.11", id="within braces"),
        pytest.param("{valid_from: 2023-01-01, per: kWh, unit_price: 0,05}", "0.05", id="a zero behind the comma"),
        pytest.param("{valid_from: 2023-01-01, unit_price: -12,5, per: kWh}", "-12.5", id="below zero"),
        pytest.param("valid_from: 2023-01-01\n        per: kWh\n        unit_price: 0,11", "0.11", id="on lines"),
    ],
)
def test_a_price_with_a_comma_is_told_how_to_write_it(tmp_path, line, number):
    tariffs = f"currency: EUR\ntariffs:\n  - utility: gas\n    billed_meter: gas\n    prices:\n      - {line}\n"
    meters = "meters: [{meter_id: gas, type: physical, output_unit: kWh, utility: gas}]"
    (said,) = complaints(tmp_path, meters=meters, tariffs=tariffs)
    assert said.startswith("tariffs.yaml: tariffs[0].prices[0].unit_price: ")
    assert said.endswith(f"{number.replace('.', ',')} has a decimal comma. Write {number}.")

"""Whatever comes from elsewhere is a value or a sentence: never a traceback, within 5 s and 256 MB.

METERS_FUZZ says how many examples each test draws; `make fuzz` draws 10,000.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.clients.hostile_files import HEADER, ODS_HEADER, ods, ods_row, xlsx
from tests.fuzz.worker import READERS
from tests.settings.houses import METERS, write_house
from workflows_dagster.maintenance.archive import Manifest, Writer

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 5.0


def fuzzed(quick: int = 300) -> settings:
    """How examples are drawn: so many in the suite, the same each time."""
    return settings(
        max_examples=int(os.environ.get("METERS_FUZZ", quick)),
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        derandomize="METERS_FUZZ" not in os.environ,
    )


class Worker:
    """The process that reads the examples; where one ends it, another begins."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, which: str, content: bytes) -> None:
        """Read an example; fails where it is a traceback, takes too long, or ends the process."""
        if self._process is None:
            command = [sys.executable, "-m", "tests.fuzz.worker", str(self._folder)]
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(struct.pack("<QB", len(content), list(READERS).index(which)) + content)
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            self.close()
            # A reader that is not ours may end the process for workbooks: it is there for that.
            assert which == "workbook", f"the process ended over {content!r}"
            return
        answer = json.loads(line)
        assert "trace" not in answer, answer["trace"]
        assert answer["seconds"] < MOST_SECONDS

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("fuzz")
    write_house(folder).rename(folder / "plain")
    worker = Worker(folder)
    yield worker
    worker.close()


def changed(whole: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with some of them changed, left out or doubled."""
    places = st.integers(0, len(whole))

    def apply(edits: list[tuple[str, int, int, bytes]]) -> bytes:
        content = whole
        for kind, first, length, new in edits:
            start, end = first % (len(content) + 1), (first % (len(content) + 1)) + length
            if kind == "change":
                content = content[:start] + new + content[start + len(new) :]
            elif kind == "insert":
                content = content[:start] + new + content[start:]
            elif kind == "leave out":
                content = content[:start] + content[end:]
            elif kind == "double":
                content = content[:end] + content[start:end] * 3 + content[end:]
            else:
                content = content[:start]
        return content

    kinds = st.sampled_from(["change", "insert", "leave out", "double", "cut"])
    edits = st.tuples(kinds, places, st.integers(0, 80), st.binary(max_size=8))
    return st.lists(edits, min_size=1, max_size=5).map(apply)


CELLS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "time",
            "value",
            "meter_id",
            "Datum",
            "Uhrzeit",
            "Zählerstand",
            "2024-01-01",
            "2024-03-31 02:30",
            "31.12.2023",
            "24:00",
            "48.700",
            "1.234,5",
            "-0",
            "1e999",
            "nan",
            '"',
            "'",
            "=1+1",
            "\x1b[2J",
            "",
            " ",
            "2024-02-30",
            "0",
            "1900-01-01T00:00:00+99:99",
            "9" * 400,
            "٣",
            "²",
            "1_0",
            "−5",
        ]
    ),
    st.floats().map(str),
    st.datetimes().map(str),
)
TABLES = st.builds(
    lambda separator, header, rows, end, encoding: end.join(map(separator.join, [header, *rows])).encode(
        encoding, "surrogateescape" if encoding == "utf-8" else "replace"
    ),
    st.sampled_from([",", ";", "\t"]),
    st.one_of(
        st.sampled_from([["time", "value"], ["Datum", "Uhrzeit", "Zählerstand"], ["time", "value", "meter_id"]]),
        st.lists(CELLS, max_size=5),
    ),
    st.lists(st.lists(CELLS, max_size=5), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-16", "cp1252", "utf-8-sig"]),
)


@fuzzed()
@given(st.one_of(TABLES, st.binary(max_size=300), changed("Datum;Zählerstand\n01.02.2024;1.234,5\n".encode())))
def test_a_text_of_readings(worker: Worker, content: bytes) -> None:
    worker.ask("text", content)


XML = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="<&>\x7f"), max_size=12)
XML_CELLS = st.builds(
    lambda reference, kind, style, value: f'<c r="{reference}" t="{kind}" s="{style}">{value}</c>',
    st.one_of(
        st.sampled_from(["A2", "B2", "XFD9", "ZZZZ1", "A0", "A99999999999", ""]), XML.map(lambda t: t.replace('"', ""))
    ),
    st.sampled_from(["n", "s", "b", "e", "str", "inlineStr", "d", "", "x"]),
    st.sampled_from(["0", "1", "2", "9", "-1", "x", "99999999999"]),
    st.one_of(
        XML.map(lambda text: f"<v>{text}</v>"),
        st.floats().map(lambda number: f"<v>{number}</v>"),
        XML.map(lambda text: f"<is><t>{text}</t></is>"),
        st.just("<f>1+1</f>"),
    ),
)
SHEETS = st.lists(st.lists(XML_CELLS, max_size=4).map(lambda cells: f"<row>{''.join(cells)}</row>"), max_size=4)


@fuzzed(80)
@given(
    st.one_of(
        SHEETS.map(lambda rows: xlsx(HEADER + "".join(rows))),
        changed(xlsx()),
        changed(ods(ODS_HEADER + ods_row("2024-01-01", "5"))),
        changed((ROOT / "tests" / "clients" / "readings.xls").read_bytes()),
        st.builds(lambda m, v, n: ods(ODS_HEADER + ods_row(m, v, n)), XML, XML, st.integers(-1, 10**10)),
    )
)
def test_a_workbook(worker: Worker, content: bytes) -> None:
    worker.ask("workbook", content)


YAML_PARTS = st.one_of(
    st.sampled_from(
        [
            "meters:",
            "  - ",
            "meter_id: ",
            "type: ",
            "physical",
            "master",
            "virtual",
            "output_unit: ",
            "kWh",
            "m³",
            "\n",
            "periods: ",
            "{",
            "}",
            "[",
            "]",
            ", ",
            ": ",
            "&a ",
            "*a",
            "<<: *a",
            "!!int ",
            "!!binary ",
            "!!set ",
            "? ",
            "|\n",
            "2024-01-01",
            "9999-12-31",
            "1e400",
            "0x" + "f" * 900,
            "null",
            "yes",
            "~",
            "timezone: ",
            "gas_conversion: ",
            "source: ",
            "subtract_meters: ",
            "tariffs: ",
            "patterns: ",
            "monthly_percentages: ",
            "language: ",
            "\x00",
            "\t",
        ]
    ),
    st.text(max_size=5),
    st.integers().map(str),
)
YAML_VALUES: st.SearchStrategy[object] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)


@fuzzed(150)
@given(
    st.integers(0, 3),
    st.one_of(
        st.lists(YAML_PARTS, max_size=25).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")),
        changed(METERS.encode()),
        *(changed((ROOT / "config" / name).read_bytes()) for name in ("config.yaml", "tariffs.yaml")),
        st.builds(
            lambda key, value: json.dumps({key: value}, default=str).encode(),
            st.sampled_from(["timezone", "storage", "tibber", "workflows", "alerts", "upkeep", "logging", "anomalies"]),
            YAML_VALUES,
        ),
        st.builds(
            lambda key, value: json.dumps(
                {"meters": [{"meter_id": "a", "type": "physical", "output_unit": "kWh", key: value}]}, default=str
            ).encode(),
            st.sampled_from(["source", "installation_date", "register_digits", "pattern", "description", "utility"]),
            YAML_VALUES,
        ),
    ),
)
def test_a_configuration_file(worker: Worker, which: int, content: bytes) -> None:
    worker.ask("configuration", bytes([which]) + content)


def backup() -> bytes:
    """A small one."""
    target = io.BytesIO()
    writer = Writer(target)
    writer.add("config/meters.yaml", ROOT / "config" / "seasonal_patterns.yaml")
    made = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    writer.close(
        Manifest(made=made, program="1", dagster="1.13.0", backend="embedded", timezone="UTC", files=writer.files)
    )
    return target.getvalue()


def packed(names: list[tuple[str, bytes, int]]) -> bytes:
    """A tar of such members."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for name, content, kind in names:
            header = tarfile.TarInfo(name)
            header.size, header.type = len(content), bytes([kind])
            tar.addfile(header, io.BytesIO(content))
    return target.getvalue()


BACKUP = backup()
NAMES = st.lists(
    st.sampled_from(
        ["config", "data", "home", "..", "/", "", ".", "meters.yaml", "x.yaml", "manifest.json", "\x1b", "\udcff"]
    ),
    min_size=1,
    max_size=5,
).map("/".join)
MANIFESTS = st.dictionaries(st.sampled_from([*Manifest.model_fields, "x"]), YAML_VALUES, max_size=8).map(
    lambda content: json.dumps(content, default=str).encode()
)


@fuzzed()
@given(
    st.one_of(
        changed(BACKUP),
        changed(gzip.decompress(BACKUP)).map(lambda content: gzip.compress(content, 1)),
        st.lists(st.tuples(NAMES, st.binary(max_size=40), st.sampled_from(b"0012345678gxLKSD")), max_size=4).map(
            packed
        ),
        MANIFESTS.map(lambda content: packed([("manifest.json", content, ord("0"))])),
    )
)
def test_an_archive(worker: Worker, content: bytes) -> None:
    worker.ask("archive", content)


ANSWER = (
    b"#datatype,string,long,dateTime:RFC3339,double\r\n,result,table,_time,_value\r\n"
    b",r,0,2024-01-01T00:00:00Z,1.5\r\n,r,0,2024-01-02T00:00:00Z,2.5\r\n\r\n"
)
ANSWER_PARTS = st.sampled_from(
    [
        b"#datatype,",
        b"string",
        b"long",
        b"dateTime:RFC3339",
        b"double",
        b",",
        b"\r\n",
        b"\n",
        b'"',
        b"error",
        b"result",
        b"_time",
        b"_value",
        b"2024-01-01T00:00:00Z",
        b"1.5",
        b"\x00",
        b"\xff",
        b"9" * 400,
        b"2024-13-01T00:00:00Z",
        b"NaN",
    ]
)


@fuzzed()
@given(st.one_of(changed(ANSWER), st.lists(ANSWER_PARTS, max_size=40).map(b"".join), st.binary(max_size=200)))
def test_an_answer_of_influxdb(worker: Worker, content: bytes) -> None:
    worker.ask("answer", content)


@fuzzed()
@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(st.text(max_size=8), max_size=3).map("|".join).map(lambda t: t.encode("utf-8", "surrogatepass")),
    )
)
def test_names_in_line_protocol(worker: Worker, content: bytes) -> None:
    worker.ask("names", content)


@fuzzed()
@given(st.text(st.sampled_from("0123456789.,'eE+- \xa0\u202f\u2019−x"), max_size=40))
def test_a_number_in_any_notation(worker: Worker, text: str) -> None:
    worker.ask("number", text.encode())

"""Parses InfluxDB's annotated CSV into columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflows_dagster.stores.frames import Micros, Values

_BLANK_LINE = re.compile(rb"(?<![^\n])\r\n")
_BOUNDARY = b"\r\n\r\n#datatype,"
_DTYPES = {"double": "float64", "long": "int64", "unsignedLong": "uint64"}
NUMBERS = frozenset(_DTYPES)


# Cut shorter by those who know the secrets that it may quote.
_LONGEST_SHOWN = 4096


class AnnotatedCsvError(ValueError):
    """The text is not annotated CSV."""


class FluxError(RuntimeError):
    """The query failed after its answer had begun: an error table within a response with status 200."""


@dataclass(frozen=True)
class Section:
    """Tables of one schema.

    Attributes:
        types: Datatype by column, in order; the first column, which holds the annotations, is left out.
        rows: The rows as CSV, without annotations and header.
    """

    types: dict[str, str]
    rows: bytes

    @property
    def value_type(self) -> str:
        """Datatype of `_value`, or empty if there is none."""
        return self.types.get("_value", "")

    def first(self, name: str) -> str:
        """Read a column of the first row as text."""
        return dict(zip(self.types, _cells(self.rows[: self.rows.find(b"\n")])[1:], strict=False)).get(name, "")

    def columns(self, wanted: Sequence[str]) -> dict[str, Values]:
        """Read columns: numbers as `float64`, times as `int64` microseconds since 1970 UTC, all else as `str`.

        Numbers are exact to the last bit, as pandas parses floats exactly. An absent column is all None.

        Raises:
            AnnotatedCsvError: A row does not fit the types.
        """
        there = [name for name in wanted if name in self.types]
        try:
            frame = pd.read_csv(
                io.BytesIO(self.rows),
                header=None,
                names=["", *self.types],
                usecols=there,
                dtype={name: _DTYPES.get(self.types[name], "object") for name in there},
                keep_default_na=False,
                na_filter=False,
                index_col=False,
                encoding="utf-8",
            )
            content = {name: self._column(name, frame[name]) for name in there}
        except (ValueError, LookupError, pd.errors.ParserError) as error:
            raise AnnotatedCsvError(f"a row does not fit {', '.join(self.types.values())}: {error}") from error
        missing = np.full(len(frame), None, dtype=object)
        return {name: content.get(name, missing) for name in wanted}

    def _column(self, name: str, given: pd.Series) -> Values:
        kind = self.types[name]
        if kind in NUMBERS:
            return given.to_numpy(dtype=np.float64)
        if kind.startswith("dateTime"):
            return _times(given)
        # InfluxDB's CSV writer turns line feeds inside texts into carriage return and line feed.
        return given.str.replace("\r\n", "\n", regex=False).to_numpy(dtype=object)


def _times(given: pd.Series) -> Micros:
    instants = pd.to_datetime(given, format="ISO8601", utc=True)
    return np.asarray(pd.DatetimeIndex(instants).as_unit("us").asi8)


def sections(body: bytes, results: int = 1) -> list[Section]:
    """Split an answer into sections, and check that it is complete.

    The server ends each result, even an empty one, with a blank line, and sends the results of a query in any order. So
    an answer that a proxy has cut off at the end of a row lacks a blank line, whatever its declared length.

    Args:
        body: The answer.
        results: Number of the query's results.

    Raises:
        AnnotatedCsvError: It is not annotated CSV, or was cut off.
        FluxError: It carries an error table.
    """
    if body.strip() and not body.endswith(b"\n"):
        raise AnnotatedCsvError("it ends in the middle of a row")
    blocks = [text for text in _apart(body) if text.strip()]
    found = [section for text in blocks if (section := _section(text)) is not None]
    named = {section.first("result") for section in found}
    empty = results - (len(blocks) - len(found)) - len(named)
    # A text may contain blank lines; outside of texts all quotes are closed.
    ends = [line.end() for line in _BLANK_LINE.finditer(body) if body.count(b'"', 0, line.start()) % 2 == 0]
    if len(ends) < len(blocks) + max(empty, 0) or ends[-1] != len(body):
        raise AnnotatedCsvError(f"it ends early, after {len(body):,} bytes")
    return found


def _apart(body: bytes) -> list[bytes]:
    texts: list[bytes] = []
    start = 0
    end = body.find(_BOUNDARY)
    while end >= 0:
        # A text may contain the bytes of a boundary; between two sections all quotes are closed.
        if body.count(b'"', start, end) % 2 == 0:
            texts.append(body[start : end + 2])
            start = end + 4
        end = body.find(_BOUNDARY, end + 4)
    return [*texts, body[start:]]


def _section(text: bytes) -> Section | None:
    types: list[str] | None = None
    at = 0
    while at < len(text):
        stop = text.find(b"\n", at) + 1 or len(text)
        line = text[at:stop].strip(b"\r\n")
        at = stop
        if line.startswith(b"#datatype,"):
            types = _cells(line)
        elif line and not line.startswith(b"#"):
            names = _cells(line)
            if "error" in names[:2]:
                raise FluxError(_error(names, text[at:]))
            if types is None or len(types) != len(names):
                raise AnnotatedCsvError(f"it begins with {_shown(line)}")
            rows = text[at:].rstrip(b"\r\n")
            return Section(dict(zip(names[1:], types[1:], strict=True)), rows + b"\n") if rows else None
    if types is None:
        raise AnnotatedCsvError(f"it begins with {_shown(text)}")
    return None


def _error(names: list[str], rows: bytes) -> str:
    try:
        row = next((row for row in csv.reader(io.StringIO(rows.decode("utf-8", "replace"))) if row), [])
    except csv.Error:
        row = []
    return dict(zip(names, row, strict=False)).get("error") or "no reason given"


def _cells(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8", "replace")]), [])
    except csv.Error as error:
        raise AnnotatedCsvError(f"it holds {_shown(line)} ({error})") from None


def _shown(text: bytes) -> str:
    return repr(text[:_LONGEST_SHOWN].decode("utf-8", "replace"))

"""Reads a YAML file, and reports errors with their place."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from workflows_dagster.settings.problem_codes import Code
from workflows_dagster.settings.problems import Problem, shown

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Duplicate:
    """A key that occurs twice in one mapping; YAML would silently use the last.

    Attributes:
        location: Path of the key.
        first_line: Line of its first occurrence, from 1.
        line: Line of its second occurrence, from 1.
    """

    location: Location
    first_line: int
    line: int


@dataclass(frozen=True)
class DecimalComma:
    """A number with a decimal comma within braces, where YAML would take what follows the comma for a key.

    Attributes:
        location: Path of its key.
        written: The number as it is written.
    """

    location: Location
    written: str


@dataclass(frozen=True)
class Document:
    """A file's content.

    Attributes:
        file: Name of the file.
        content: What it holds.
        duplicates: Keys that occur twice.
        decimal_commas: Numbers within braces that have a decimal comma, each at its key; what stands before the comma
            is their value in `content`.
    """

    file: str
    content: dict[Any, Any]
    duplicates: tuple[Duplicate, ...]
    decimal_commas: tuple[DecimalComma, ...] = ()


_MOST_BYTES = 1_000_000
_MOST_NODES = 50_000
_DEEPEST = 30
_WHOLE = re.compile(r"[-+]?\d+")


class _TooMuchError(Exception):
    """The file holds more than a configuration does."""

    def __init__(self, code: Code, most: int) -> None:
        self.code, self.most = code, most
        super().__init__(code)


class _Loader(yaml.SafeLoader):
    """Safe loader with a limit on the number of nodes; an alias counts as all nodes that it refers to.

    It keeps an impossible date as text, so that the model reports it with its key.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Read a node and all below it."""
        is_alias = self.check_event(yaml.AliasEvent)
        before = self._nodes
        self._depth += 1
        self._nodes += 1
        if self._depth > _DEEPEST:
            raise _TooMuchError("nested_too_deeply", _DEEPEST)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias:
            self._nodes += self._sizes.get(id(node), 1)
        else:
            self._sizes[id(node)] = self._nodes - before
        if self._nodes > _MOST_NODES:
            raise _TooMuchError("too_many_values", _MOST_NODES)
        return node

    def timestamp(self, node: yaml.Node) -> object:
        assert isinstance(node, yaml.ScalarNode)
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError:
            return node.value


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.timestamp)


def read_document(path: Path, missing: Code, empty: Code, draft: str | None = None) -> Document | list[Problem]:
    """Read a YAML file whose top level is a mapping.

    Args:
        path: The file.
        missing: Problem code for a missing file.
        empty: Problem code for an empty file.
        draft: Text to be read in place of the file.

    Returns:
        The content, or the problems that prevent reading it.
    """
    text = _text(path, missing) if draft is None else draft
    if isinstance(text, Problem):
        return [text]
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return [Problem(path.name, "", empty)]
            commas = tuple(_decimal_commas(root, (), set()))
            # Before construction, which merges `<<` keys into the tree beside the keys that override them.
            duplicates = tuple(_duplicates(root, (), set()))
            content = loader.construct_document(root)
        finally:
            loader.dispose()
    except _TooMuchError as error:
        return [Problem(path.name, "", error.code, {"most": error.most})]
    except yaml.MarkedYAMLError as error:
        return [_not_yaml(path.name, error)]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return [Problem(path.name, "", "control_character", {"line": line})]
    except RecursionError:
        return [Problem(path.name, "", "nested_too_deeply")]
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # A wrong tag such as !!int makes PyYAML raise the conversion's own error.
        return [Problem(path.name, "", "odd_value", {"reason": str(error)})]
    if not isinstance(content, dict):
        if isinstance(content, list):
            return [Problem(path.name, "", "file_holds_list")]
        return [Problem(path.name, "", "file_holds_value", {"value": shown(content)})]
    return Document(path.name, content, duplicates, commas)


def _text(path: Path, missing: Code) -> str | Problem:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            return Problem(path.name, "", "file_unreadable", {"path": str(path), "reason": "not an ordinary file"})
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return Problem(path.name, "", missing, {"folder": str(path.parent)})
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        return Problem(path.name, "", "file_unreadable", {"path": str(path), "reason": reason})
    except ValueError:
        return Problem(path.name, "", "impossible_path")
    if len(raw) > _MOST_BYTES:
        return Problem(path.name, "", "file_too_large", {"most": _MOST_BYTES // 1_000_000})
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Problem(path.name, "", "not_utf8_at", {"line": line, "byte": f"0x{raw[error.start]:02x}"})


def _not_yaml(file: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    # The scanner's message without its snippet of the file, which may show a secret.
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    if mark is None:
        return Problem(file, "", "not_yaml", {"reason": reason})
    return Problem(file, "", "not_yaml_at", {"line": mark.line + 1, "column": mark.column + 1, "reason": reason})


def _duplicates(node: yaml.Node, location: Location, seen: set[int]) -> Iterator[Duplicate]:
    """Walk the tree once; an aliased node is visited at its first occurrence only."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _duplicates(item, (*location, position), seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[Hashable, int] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            inner = (*location, name)
            line = key.start_mark.line + 1
            if name in lines and name != "<<":
                yield Duplicate(inner, lines[name], line)
            lines.setdefault(name, line)
            yield from _duplicates(value, inner, seen)


def _decimal_commas(node: yaml.Node, location: Location, seen: set[int]) -> Iterator[DecimalComma]:
    """Find `{unit_price: 0,11, per: kWh}`, and take the key 11 out of the tree."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _decimal_commas(item, (*location, position), seen)
    elif isinstance(node, yaml.MappingNode):
        kept: list[tuple[yaml.Node, yaml.Node]] = []
        for key, value in node.value:
            whole = kept[-1][1].value if kept and isinstance(kept[-1][1], yaml.ScalarNode) else ""
            decimals = key.value if isinstance(key, yaml.ScalarNode) and key.style is None else ""
            stands_alone = isinstance(value, yaml.ScalarNode) and value.value == "" and value.style is None
            if node.flow_style and stands_alone and decimals.isdecimal() and _WHOLE.fullmatch(whole):
                yield DecimalComma((*location, str(kept[-1][0].value)), f"{whole},{decimals}")
                continue
            kept.append((key, value))
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            yield from _decimal_commas(value, (*location, name), seen)
        node.value[:] = kept

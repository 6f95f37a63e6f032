"""Turns pydantic's validation errors into problems with our own codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from workflows_dagster.settings.documents import Document, Location
from workflows_dagster.settings.problem_codes import Code
from workflows_dagster.settings.problems import Figures, Problem, nearest, shown

Namer = Callable[[Location], str]

_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_SECRET_NAME = re.compile(r"token|passw|secret|api_?key|credential", re.IGNORECASE)


@dataclass(frozen=True)
class Violation:
    """One error found by a validator.

    Attributes:
        code: What is wrong.
        figures: The actual value and further values of the sentence.
        at: Path below the validated field, such as `[2].end_date`.
    """

    code: Code
    figures: Figures = field(default_factory=dict, hash=False)
    at: str = ""


def refusal(*violations: Violation) -> PydanticCustomError:
    """Build the exception with which a validator refuses a value, for one or several reasons."""
    return PydanticCustomError("violations", "{text}", {"text": violations[0].code, "violations": violations})


def key_of(location: Location) -> str:
    """Write a path as `periods[0].source_meters[1]`."""
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key


def problems_in(
    error: ValidationError, file: str, prefix: str, model: type[BaseModel], elsewhere: Mapping[str, str] | None = None
) -> Iterator[Problem]:
    """Turn each of a model's validation errors into a problem.

    Args:
        error: What pydantic raised.
        file: Name of the file.
        prefix: Path of the model in the file.
        model: The model that was validated, for its key names.
        elsewhere: Keys unknown to this model but known to other types of meter, with those types.
    """
    for details in error.errors():
        location = tuple(part for part in details["loc"] if part != "[key]")
        if details["type"] == "invalid_key":
            location = (*location[:-1], str(location[-1]))
        key = key_of((prefix, *location) if prefix else location)
        if details["type"] == "default_factory_not_called":
            # It only repeats another field's error.
            continue
        if details["type"] == "violations":
            for violation in details["ctx"]["violations"]:
                yield Problem(file, key + violation.at, violation.code, violation.figures)
        elif details["type"] == "extra_forbidden":
            yield _unknown_key(file, key, location, model, elsewhere or {})
        else:
            yield Problem(file, key, *_translated(details))


def doubled_keys(document: Document, name: Namer = key_of) -> Iterator[Problem]:
    """Give a problem for each duplicate key, and for each decimal comma that makes a key of the decimals."""
    for comma in document.decimal_commas:
        yield Problem(document.file, name(comma.location), "decimal_comma", _of_decimal_comma(comma.written))
    for duplicate in document.duplicates:
        lines = {"first": duplicate.first_line, "second": duplicate.line}
        yield Problem(document.file, name(duplicate.location), "key_twice", lines)


def _unknown_key(
    file: str, key: str, location: Location, model: type[BaseModel], elsewhere: Mapping[str, str]
) -> Problem:
    name = str(location[-1])
    if _SECRET_NAME.search(name):
        return Problem(file, key, "secret_key")
    known = tuple(_keys_at(model, location[:-1]))
    suggestion = nearest(name, known)
    if suggestion is None and name in elsewhere:
        return Problem(file, key, "key_of_other_type", {"type": elsewhere[name]})
    return Problem(file, key, "unknown_key", {"known": known, "suggestion": suggestion})


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    for part in location:
        if isinstance(part, str) and part in (names := _by_name(model)):
            model = _model_in(names[part]) or model
    return list(_by_name(model))


def _by_name(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


_WANTED: dict[str, Code] = {
    "string_type": "not_text",
    "string_unicode": "not_text",
    "bool_type": "not_true_or_false",
    "bool_parsing": "not_true_or_false",
    "int_type": "not_whole",
    "int_parsing": "not_whole",
    "int_from_float": "not_whole",
    "int_parsing_size": "too_large",
    "float_type": "not_a_number",
    "float_parsing": "not_a_number",
    "finite_number": "not_finite",
    "tuple_type": "not_a_list",
    "list_type": "not_a_list",
    "model_type": "not_a_mapping",
    "model_attributes_type": "not_a_mapping",
    "dict_type": "not_a_mapping",
    "mapping_type": "not_a_mapping",
    "recursion_loop": "part_of_itself",
}
_BOUNDS: dict[str, tuple[str, Code]] = {
    "greater_than": ("gt", "must_be_above"),
    "greater_than_equal": ("ge", "must_be_at_least"),
    "less_than": ("lt", "must_be_below"),
    "less_than_equal": ("le", "must_be_at_most"),
}


def _of_decimal_comma(written: str) -> Figures:
    return {"value": written, "number": written.replace(",", ".")}


def _translated(details: ErrorDetails) -> tuple[Code, Figures]:
    """Translate one of pydantic's errors into our code and figures."""
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "missing":
        return "key_missing", {}
    if kind == "invalid_key":
        return "key_not_text", {"key": shown(value)}
    if kind == "literal_error":
        choices = tuple(re.findall(r"'([^']*)'", str(context["expected"])))
        return "not_one_of", {"value": shown(value), "choices": choices, "suggestion": nearest(str(value), choices)}
    if kind in _BOUNDS:
        name, code = _BOUNDS[kind]
        return code, {"value": shown(value), "bound": str(context[name])}
    if kind == "string_too_short":
        return "text_empty", {}
    if kind == "float_parsing" and isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip()):
        return "decimal_comma", _of_decimal_comma(value.strip())
    if kind in _WANTED:
        return _WANTED[kind], {"value": shown(value)}
    return "not_valid", {"value": shown(value), "message": details["msg"]}

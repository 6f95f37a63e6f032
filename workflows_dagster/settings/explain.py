"""Turn what pydantic found into problems that a house owner understands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from workflows_dagster.settings.documents import Document, Location
from workflows_dagster.settings.problems import Problem, did_you_mean, nearest, shown

Namer = Callable[[Location], str]

_SECRET_NAME = re.compile(r"token|passw|secret|api_?key|credential", re.IGNORECASE)


@dataclass(frozen=True)
class Fault:
    """One thing that a validator found.

    Attributes:
        fact: What is wrong, without a full stop.
        remedy: What to do, as a sentence.
        at: Path below the validated field, such as `[2].end_date`.
    """

    fact: str
    remedy: str
    at: str = ""


def refusal(*faults: Fault) -> PydanticCustomError:
    """Give the exception with which a validator refuses a value, for one reason or several."""
    return PydanticCustomError("faults", "{text}", {"text": faults[0].fact, "faults": faults})


def key_of(location: Location) -> str:
    """Write a path as `periods[0].source_meters[1]`."""
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key


def explain(
    error: ValidationError, file: str, prefix: str, model: type[BaseModel], hints: Mapping[str, str] | None = None
) -> Iterator[Problem]:
    """Say each of a model's validation errors as a problem.

    Args:
        error: What pydantic raised.
        file: Name of the file.
        prefix: Path at which the model stands in the file.
        model: The model that was validated, for its key names.
        hints: Remedies for keys that are unknown here but known elsewhere.
    """
    for details in error.errors():
        location = tuple(part for part in details["loc"] if part != "[key]")
        if details["type"] == "invalid_key":
            location = (*location[:-1], str(location[-1]))
        key = key_of((prefix, *location) if prefix else location)
        if details["type"] == "default_factory_not_called":
            # It only repeats that another field is wrong.
            continue
        if details["type"] == "faults":
            for fault in details["ctx"]["faults"]:
                yield Problem(file, key + fault.at, fault.fact, fault.remedy)
        elif details["type"] == "extra_forbidden":
            yield Problem(file, key, "unknown key", _unknown_key(str(location[-1]), model, location, hints or {}))
        else:
            yield Problem(file, key, *_said(details, location))


def doubled_keys(document: Document, name: Namer = key_of) -> Iterator[Problem]:
    """Say each key that stands twice as a problem."""
    for duplicate in document.duplicates:
        fact = f"the key stands twice, on lines {duplicate.first_line} and {duplicate.line}"
        yield Problem(document.file, name(duplicate.location), fact, "Keep one of them.")


def _unknown_key(name: str, model: type[BaseModel], location: Location, hints: Mapping[str, str]) -> str:
    if _SECRET_NAME.search(name):
        return "Secrets do not belong here; put it in secrets/*.env (see secrets/README.md)."
    known = _keys_at(model, location[:-1])
    if nearest(name, known) is None and name in hints:
        return hints[name]
    return did_you_mean(name, known, f"Remove it; known keys are {', '.join(known)}.")


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


_WANTED = {
    "string_type": ("not text", "Put it in quotes."),
    "string_unicode": ("not text", "Put it in quotes."),
    "bool_type": ("neither true nor false", "Write true or false."),
    "bool_parsing": ("neither true nor false", "Write true or false."),
    "int_type": ("not a whole number", "Write a whole number."),
    "int_parsing": ("not a whole number", "Write a whole number."),
    "int_from_float": ("not a whole number", "Write a whole number."),
    "int_parsing_size": ("too large", "Write a smaller number."),
    "float_type": ("not a number", "Write a number, with a decimal point."),
    "float_parsing": ("not a number", "Write a number, with a decimal point."),
    "finite_number": ("not a finite number", "Write a number, with a decimal point."),
    "tuple_type": ("not a list", "Write a list, such as [a, b]."),
    "list_type": ("not a list", "Write a list, such as [a, b]."),
    "model_type": ("not a mapping", "Write `key: value` lines below it."),
    "model_attributes_type": ("not a mapping", "Write `key: value` lines below it."),
    "dict_type": ("not a mapping", "Write `key: value` lines below it."),
    "mapping_type": ("not a mapping", "Write `key: value` lines below it."),
    "recursion_loop": ("part of itself", "Write it out instead of the YAML alias."),
}
_BOUNDS = {
    "greater_than": ("gt", "not above", "above"),
    "greater_than_equal": ("ge", "below", "no lower than"),
    "less_than": ("lt", "not below", "below"),
    "less_than_equal": ("le", "above", "no higher than"),
}


def _said(details: ErrorDetails, location: Location) -> tuple[str, str]:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "missing":
        return "the key is missing", "Add it."
    if kind == "invalid_key":
        return f"the key {shown(value)} is not text", "Put it in quotes."
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(context["expected"]))
        listed = " or ".join(part for part in (", ".join(choices[:-1]), choices[-1]) if part)
        return f"{shown(value)} is not {listed}", did_you_mean(str(value), choices, f"Write {listed}.")
    if kind in _BOUNDS:
        name, fact, remedy = _BOUNDS[kind]
        return f"{shown(value)} is {fact} {context[name]}", f"Write a number {remedy} {context[name]}."
    if kind == "string_too_short":
        return "the text is empty", "Write something, or remove the key."
    fact, remedy = _WANTED.get(kind, (f"not valid: {details['msg']}", "Correct it."))
    return f"{shown(value)} is {fact}", remedy

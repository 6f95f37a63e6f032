"""What a service's console and file hold, whoever logs or prints."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import coloredlogs
import pytest

from workflows_dagster.cli.tables import TerminalConsole
from workflows_dagster.logs.config import LogConfig
from workflows_dagster.logs.configure import HouseLogger, configure_command, configure_service, unconfigure
from workflows_dagster.logs.context import RunContext, follow_run

SECRET = "planted-secret-0815"


class Service:
    """A service that logs to a text in memory and to a file."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.console = io.StringIO()
        self.file = folder / "meters.log"
        config = LogConfig(**{"form": "json", "file": self.file, "secrets": (SECRET,), **changes})
        configure_service(config, "daemon", self.console)

    @property
    def lines(self) -> list[dict[str, Any]]:
        assert self.file.read_text() == self.console.getvalue()
        return [json.loads(line) for line in self.console.getvalue().splitlines()]


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def test_a_line_is_a_json_object_with_utc_time_level_logger_and_message(service: Service) -> None:
    record = logging.LogRecord("workflows_dagster.x", logging.WARNING, "", 0, "%d kWh – zu viel", (38,), None)
    record.created = 1_711_846_799.0625
    logging.getLogger("workflows_dagster.x").handle(record)
    (line,) = service.lines
    assert line.pop("pid") == record.process
    assert line == {
        "time": "2024-03-31T00:59:59.062Z",
        "level": "WARNING",
        "logger": "workflows_dagster.x",
        "message": "38 kWh – zu viel",
        "process": "daemon",
    }


def test_a_line_within_a_run_names_run_job_asset_and_partitions(service: Service) -> None:
    follow_run(RunContext("1f0c", "days", "haupt_strom", "2024-01-01...2024-12-31"))
    logging.getLogger("workflows_dagster.retry").warning("trying again")
    follow_run(None)
    logging.getLogger("workflows_dagster.retry").warning("trying again")
    within, after = service.lines
    found = [within[key] for key in ("run", "job", "asset", "partitions")]
    assert found == ["1f0c", "days", "haupt_strom", "2024-01-01...2024-12-31"]
    assert not {"run", "job", "asset", "partitions"} & after.keys()


def test_the_text_form_is_a_line_for_people(tmp_path: Path) -> None:
    service = Service(tmp_path, form="text")
    follow_run(RunContext("1f0c2233-aaaa", "days", "haupt_strom", "2024-01-01"))
    record = logging.LogRecord("workflows_dagster.x", logging.WARNING, "", 0, "%s", (SECRET,), None)
    record.created = 1_711_846_799.0
    logging.getLogger("workflows_dagster.x").handle(record)
    assert service.console.getvalue() == (
        "2024-03-31T00:59:59.000Z WARNING daemon [run 1f0c2233 haupt_strom 2024-01-01] workflows_dagster.x: ***\n"
    )


def test_an_exception_is_one_line_with_its_traceback_and_without_secrets(service: Service) -> None:
    try:
        try:
            raise OSError(f"sent {SECRET}")
        except OSError as error:
            raise RuntimeError(f"Authorization: Token {SECRET}") from error
    except RuntimeError:
        logging.getLogger("anything").exception("failed with %s", {"token": SECRET})
    (line,) = service.lines
    assert line["message"] == "failed with {'token': '***'}"
    assert "Traceback" in line["exception"]
    assert "OSError: sent ***" in line["exception"]
    assert "RuntimeError: Authorization: Token ***" in line["exception"]


def test_a_handler_of_somebody_else_sees_no_secret_either(service: Service) -> None:
    theirs = io.StringIO()
    handler = logging.StreamHandler(theirs)
    logger = logging.getLogger("somebody.else")
    logger.addHandler(handler)
    try:
        raise ValueError(SECRET)
    except ValueError:
        logger.exception("with %s", SECRET, stack_info=True)
    finally:
        logger.removeHandler(handler)
    assert "ValueError: ***" in theirs.getvalue()
    assert SECRET not in theirs.getvalue()


def test_arguments_that_do_not_fit_the_message_are_a_line_all_the_same(service: Service) -> None:
    logging.getLogger("anything").warning("%d kWh", SECRET)
    (line,) = service.lines
    assert line["message"] == "%d kWh ('***',)"


def test_what_is_printed_becomes_lines(tmp_path: Path) -> None:
    service = Service(tmp_path)
    print(f"printed {SECRET}", "and\nmore")
    sys.stderr.write("half a ")
    sys.stderr.write("line\n")
    found = [(line["logger"], line["level"], line["message"]) for line in service.lines]
    assert found == [
        ("stdout", "INFO", "printed *** and"),
        ("stdout", "INFO", "more"),
        ("stderr", "WARNING", "half a line"),
    ]


def test_warnings_and_printed_tracebacks_are_lines(tmp_path: Path) -> None:
    service = Service(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"old {SECRET}", stacklevel=1)
    try:
        raise ValueError(SECRET)
    except ValueError:
        traceback.print_exc()
    warned, *printed = service.lines
    assert "UserWarning: old ***" in warned["message"]
    assert [line["message"] for line in (printed[0], printed[-1])] == [
        "Traceback (most recent call last):",
        "ValueError: ***",
    ]


def test_a_library_that_sets_up_the_console_by_a_dictionary_is_kept_from_it(service: Service) -> None:
    theirs = io.StringIO()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "default": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "level": "INFO"},
                "kept": {"class": "logging.NullHandler"},
            },
            "loggers": {"library": {"handlers": ["default", "kept"], "level": "INFO", "propagate": False}},
        }
    )
    logger = logging.getLogger("library")
    logger.info("once")
    assert [line["message"] for line in service.lines] == ["once"]
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]
    assert theirs.getvalue() == ""


def test_a_logger_outside_of_the_tree_that_is_given_colours_writes_our_lines(service: Service) -> None:
    logger = logging.getLoggerClass()("dagster", level=logging.INFO)
    coloredlogs.install(logger=logger, level=logging.INFO)
    logger.info("coloured?")
    assert isinstance(logger, HouseLogger)
    assert [line["message"] for line in service.lines] == ["coloured?"]


def test_libraries_are_heard_from_warning_on_and_the_house_from_its_level_on(tmp_path: Path) -> None:
    service = Service(tmp_path, level="INFO")
    for name in ("alembic.runtime", "workflows_dagster.clients"):
        logging.getLogger(name).debug("debug")
        logging.getLogger(name).info("info")
        logging.getLogger(name).warning("warning")
    found = [(line["logger"], line["message"]) for line in service.lines]
    assert found == [
        ("alembic.runtime", "warning"),
        ("workflows_dagster.clients", "info"),
        ("workflows_dagster.clients", "warning"),
    ]


def test_why_the_configuration_is_not_what_config_yaml_says_is_the_first_line(tmp_path: Path) -> None:
    service = Service(tmp_path, problem="config.yaml: timezone: no time zone 'X'.")
    (line,) = service.lines
    assert line["message"].startswith("logging: config.yaml: timezone: no time zone 'X'. Logged with level INFO")


def test_a_command_shows_warnings_as_text_and_writes_everything_into_the_file(tmp_path: Path) -> None:
    terminal = io.StringIO()
    configure_command(LogConfig(form="json", file=tmp_path / "meters.log"), terminal)
    logging.getLogger("workflows_dagster.clients").info("asked")
    logging.getLogger("workflows_dagster.clients").warning("refused")
    lines = [json.loads(line) for line in (tmp_path / "meters.log").read_text().splitlines()]
    assert [(line["process"], line["message"]) for line in lines] == [("meters", "asked"), ("meters", "refused")]
    assert terminal.getvalue().endswith(" WARNING meters workflows_dagster.clients: refused\n")
    assert terminal.getvalue().count("\n") == 1


def test_afterwards_everything_is_as_it_was(tmp_path: Path) -> None:
    def state() -> tuple[Any, ...]:
        root = logging.getLogger()
        return (
            list(root.handlers), root.level, logging.getLoggerClass(), logging.getLogRecordFactory(), sys.stdout,
            sys.stderr, warnings.showwarning,
            vars(logging.config)["dictConfigClass"],
        )  # fmt: skip

    before = state()
    Service(tmp_path)
    assert state() != before
    unconfigure()
    assert state() == before


HOSTILE = "cell \x1b]0;title\x07 \x9b2J \u202e\udcff\n2026-01-01T00:00:00.000Z ERROR daemon forged: line"


@contextmanager
def uncaptured() -> Iterator[None]:
    """Keep log lines from pytest, which cannot hand half a character on from one process to another."""
    root = logging.getLogger()
    capturing = [handler for handler in root.handlers if type(handler).__module__.startswith("_pytest")]
    for handler in capturing:
        root.removeHandler(handler)
    yield
    for handler in capturing:
        root.addHandler(handler)


def test_control_characters_reach_neither_the_console_nor_the_file(tmp_path: Path) -> None:
    for form in ("json", "text"):
        service = Service(tmp_path / form, form=form)
        with uncaptured():
            logging.getLogger("workflows_dagster").warning("%s", HOSTILE)
        unconfigure()
        written = service.console.getvalue()
        assert written == service.file.read_text()
        assert not any(character in written for character in "\x1b\x07\x9b\u202e\udcff")
        if form == "json":
            assert json.loads(written)["message"] == HOSTILE
        else:
            assert written.splitlines()[1].startswith("    2026")


def test_what_a_command_prints_steers_no_terminal(tmp_path: Path) -> None:
    terminal, original = io.StringIO(), sys.stdout
    sys.stdout = terminal
    try:
        configure_command(LogConfig(), io.StringIO())
        print(HOSTILE)
        TerminalConsole(width=200).print(HOSTILE)
        unconfigure()
    finally:
        sys.stdout = original
    assert not any(character in terminal.getvalue() for character in "\x1b\x07\x9b\u202e\udcff")
    assert terminal.getvalue().count("forged: line") == 2

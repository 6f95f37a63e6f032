"""Loads the house's settings: all files, all secrets, all errors at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from workflows_dagster.settings.documents import Document, read_document
from workflows_dagster.settings.estimates import Estimate
from workflows_dagster.settings.fields import civil_day
from workflows_dagster.settings.hints import pattern_hints, store_hints
from workflows_dagster.settings.home_assistant import from_environment, statistics_problems
from workflows_dagster.settings.language import Language
from workflows_dagster.settings.meter_file import Entry, read_meters
from workflows_dagster.settings.meters import MeterBook, PhysicalMeter
from workflows_dagster.settings.paths import expanded, is_folder
from workflows_dagster.settings.patterns import PatternFile
from workflows_dagster.settings.problem_codes import Code
from workflows_dagster.settings.problems import Problem, SettingsError, nearest, shown
from workflows_dagster.settings.references import check_references, converts_gas
from workflows_dagster.settings.secrets import Secrets, load_secrets
from workflows_dagster.settings.site import Site
from workflows_dagster.settings.tariff_references import check_tariffs
from workflows_dagster.settings.tariffs import TariffFile
from workflows_dagster.settings.validation import doubled_keys, problems_in

CONFIG_DIR = "METERS_CONFIG_DIR"
DATA_DIR = "METERS_DATA_DIR"
SECRETS_DIR = "METERS_SECRETS_DIR"

_CONFIG = "config.yaml"
_METERS = "meters.yaml"
_PATTERNS = "seasonal_patterns.yaml"
_TARIFFS = "tariffs.yaml"
_BESIDE_THE_PACKAGE = Path(__file__).resolve().parents[2]

_Model = TypeVar("_Model", bound=BaseModel)
ConfigurationFile = Literal["site", "meters", "patterns", "tariffs"]


@dataclass(frozen=True)
class Settings:
    """The configuration of the house.

    Attributes:
        site: Contents of config.yaml.
        meters: Contents of meters.yaml.
        patterns: Monthly percentages, January first, by the id of a meter or the name of a pattern. [%], 12 values
        tariffs: Contents of tariffs.yaml; no tariffs if the file does not exist.
        secrets: Tokens.
        data_dir: Folder of our own data.
        config_dir: Folder of the configuration.
        secrets_dir: Folder of the secrets.
        files: Path of each file: `site`, `meters`, `patterns`, `tariffs`.
        hints: What is worth a look in the files and stops nothing.
    """

    site: Site
    meters: MeterBook
    patterns: Mapping[str, tuple[float, ...]]
    tariffs: TariffFile
    secrets: Secrets
    data_dir: Path
    config_dir: Path
    secrets_dir: Path
    files: Mapping[ConfigurationFile, Path]
    hints: tuple[Problem, ...] = ()

    def pattern_of(self, meter_id: str) -> tuple[float, ...] | None:
        """Give a meter's monthly percentages: the pattern that it names, else the pattern of its own id, else None.

        Raises:
            KeyError: There is no such meter.
        """
        meter = self.meters[meter_id]
        name = meter.pattern if isinstance(meter, PhysicalMeter) else None
        return self.patterns.get(name or meter_id)

    @property
    def first_day(self) -> date:
        """The first civil day of the house, not before `start_year`.

        The earliest installation or period where every physical meter has an installation date; a meter without one may
        have readings from any time, so then it is the first day of `start_year`.
        """
        zone, floor = self.site.zone, date(self.site.workflows.analytics.start_year, 1, 1)
        installed = [m.installation_date for m in self.meters.physical]
        known = [civil_day(moment, zone) for moment in installed if moment is not None]
        if len(known) < len(installed):
            return floor
        begun = [master.periods[0].start_date for master in self.meters.masters]
        return max(min([*known, *begun], default=floor), floor)


def load(
    config_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    without_meters: bool = False,
    without_costs: bool = False,
    drafts: Mapping[Path, str] | None = None,
) -> Settings:
    """Load the settings; raise one error with all problems.

    Paths in config.yaml (`meters_config`, `seasonal_patterns_config`, `tariffs_config`) are relative to the config
    folder; if the file is not there, to its parent folder.

    Args:
        config_dir: Folder of the configuration; None takes METERS_CONFIG_DIR, else the one beside the package, else
            `config` in the working folder. Data and secrets are beside it unless METERS_DATA_DIR and METERS_SECRETS_DIR
            say otherwise.
        environ: Environment variables; None takes those of the process.
        without_meters: Whether meters.yaml may be empty; tariffs.yaml, which would name meters, is then not read.
        without_costs: Whether mistakes in tariffs.yaml do not matter; there are no tariffs then.
        drafts: Texts that are read in place of files, to check them before they are written.

    Raises:
        SettingsError: There are problems; the error holds all of them.
    """
    environ = os.environ if environ is None else environ
    folder = config_folder(environ, config_dir)
    if not is_folder(folder):
        figures = {"path": str(folder), "variable": CONFIG_DIR, "file": _METERS}
        raise SettingsError([Problem(folder.name, "", "no_folder", figures)])
    problems: list[Problem] = []
    secrets_dir = _folder(environ, SECRETS_DIR) or folder.parent / "secrets"

    reader = _Reader(drafts or {}, problems)
    config = reader.read(folder / _CONFIG, "config_missing", "config_empty")
    site = _model(Site, config, problems)
    if site is not None:
        assistant, unusable = from_environment(site.home_assistant, environ)
        site = site.model_copy(update={"home_assistant": assistant})
        problems.extend(unusable)
    meters_path = _path_in(folder, config, "meters_config", _METERS)
    document = reader.read(meters_path, "meters_missing", "meters_empty")
    # The zone only matters for times of day; the default one is enough to find the other errors.
    entries = read_meters(document, (site or Site()).zone, problems) if document else []
    is_empty = without_meters and _drop_emptiness(meters_path.name, problems)
    problems.extend(check_references(entries))
    patterns_path = _path_in(folder, config, "seasonal_patterns_config", _PATTERNS)
    patterns_document = reader.read(patterns_path, "patterns_missing", "patterns_empty")
    pattern_file = _model(PatternFile, patterns_document, problems)
    if patterns_document:
        problems.extend(_unknown_patterns(entries, patterns_document))
    tariffs_path = _path_in(folder, config, "tariffs_config", _TARIFFS)
    leave_costs = is_empty or without_costs
    tariffs = TariffFile() if leave_costs else _tariffs(tariffs_path, folder, site, entries, reader)
    try:
        secrets = load_secrets(secrets_dir, environ)
    except SettingsError as error:
        problems.extend(error.problems)
    else:
        problems.extend(_unmet_needs(site, entries, secrets) if site else ())

    if problems:
        raise SettingsError(problems, _language(config))
    assert site is not None
    assert pattern_file is not None
    assert tariffs is not None
    assert config is not None
    assert patterns_document is not None
    book = MeterBook([entry.meter for entry in entries if entry.meter is not None])
    problems.extend(_not_contained(entries, book))
    if not is_empty:
        problems.extend(statistics_problems(site.home_assistant, {meter.meter_id: meter for meter in book}))
    if problems:
        raise SettingsError(problems, site.language)
    return Settings(
        site=site,
        meters=book,
        patterns=MappingProxyType({name: p.monthly_percentages for name, p in pattern_file.patterns.items()}),
        tariffs=tariffs,
        secrets=secrets,
        data_dir=_folder(environ, DATA_DIR) or folder.parent / "data",
        config_dir=folder,
        secrets_dir=secrets_dir,
        files=MappingProxyType(
            {"site": folder / _CONFIG, "meters": meters_path, "patterns": patterns_path, "tariffs": tariffs_path}
        ),
        hints=(*pattern_hints(patterns_document, entries), *store_hints(config, secrets)),
    )


def config_folder(environ: Mapping[str, str], named: Path | None = None) -> Path:
    """Give the folder of the configuration: the one that is named, or where it is without (see `load`)."""
    return expanded(named or _folder(environ, CONFIG_DIR) or _usual_config_dir()).absolute()


def _drop_emptiness(file: str, problems: list[Problem]) -> bool:
    """Take away the problem that a file holds no meter, and tell whether there was that and no other with it."""
    found = [problem for problem in problems if problem.file == file]
    empty: tuple[object, ...] = (None, [], {})
    nothing = [{"value": shown(value)} for value in empty]
    match found:
        case [Problem(code="meters_empty" | "meters_key_missing")]:
            pass
        case [Problem(code="no_meters", figures=figures)] if dict(figures) in nothing:
            pass
        case _:
            return False
    problems.remove(found[0])
    return True


def _language(config: Document | None) -> Language:
    """Give the language of config.yaml, even if the rest of the file has errors."""
    return "de" if config and config.content.get("language") == "de" else "en"


def _folder(environ: Mapping[str, str], name: str) -> Path | None:
    return expanded(environ[name]).absolute() if environ.get(name) else None


def _usual_config_dir() -> Path:
    beside = _BESIDE_THE_PACKAGE / "config"
    return beside if (beside / _METERS).is_file() or (beside / _CONFIG).is_file() else Path("config")


def _path_in(folder: Path, config: Document | None, key: str, usual: str) -> Path:
    written: Any = config.content.get(key) if config else None
    path = expanded(written) if isinstance(written, str) and written else Path(usual)
    inside, above = folder / path, folder.parent / path
    return above if not _is_there(inside) and _is_there(above) else inside


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # A name too long or a folder without permission; reading the file reports it.
        return False


@dataclass(frozen=True)
class _Reader:
    """Reads files, or the drafts given in their place, and collects their problems."""

    drafts: Mapping[Path, str]
    problems: list[Problem]

    def read(self, path: Path, missing: Code, empty: Code) -> Document | None:
        found = read_document(path, missing, empty, self.drafts.get(path))
        if isinstance(found, Document):
            return found
        self.problems.extend(found)
        return None


def _model(model: type[_Model], document: Document | None, problems: list[Problem]) -> _Model | None:
    if document is None:
        return None
    problems.extend(doubled_keys(document))
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        problems.extend(problems_in(error, document.file, "", model))
        return None


def _unknown_patterns(entries: Sequence[Entry], document: Document) -> Iterator[Problem]:
    written = document.content.get("patterns") or {}
    if not isinstance(written, dict):
        return
    names = [str(name) for name in written]
    for entry in entries:
        name = entry.raw.get("pattern")
        if isinstance(name, str) and name and name not in names:
            figures = {"name": name, "file": document.file, "suggestion": nearest(name, names)}
            yield Problem(entry.file, f"{entry.label}.pattern", "unknown_pattern", figures)


def _not_contained(entries: Sequence[Entry], book: MeterBook) -> Iterator[Problem]:
    """Find estimates that follow a meter whose use is no part of theirs, and something else beside it."""
    for entry in entries:
        estimate = entry.meter.estimate if isinstance(entry.meter, PhysicalMeter) else Estimate()
        like, beside = estimate.like, estimate.bases
        if like is not None and beside and not book.contains(entry.label, like):
            figures = {"name": like, "meter": entry.label}
            yield Problem(entry.file, f"{entry.label}.estimate", "like_not_contained", figures)


def _tariffs(
    path: Path, folder: Path, site: Site | None, entries: Sequence[Entry], reader: _Reader
) -> TariffFile | None:
    problems = reader.problems
    if path == folder / _TARIFFS and path not in reader.drafts and not os.path.lexists(path):
        return TariffFile()
    document = reader.read(path, "tariffs_missing", "tariffs_empty")
    tariffs = _model(TariffFile, document, problems)
    if document is not None:
        # Errors of config.yaml itself come first.
        gas_is_given = site is None or bool(site.gas_pairs)
        problems.extend(check_tariffs(document, entries, gas_is_given=gas_is_given))
    return tariffs


def _unmet_needs(site: Site, entries: Sequence[Entry], secrets: Secrets) -> Iterator[Problem]:
    """Find requirements of one file that another does not meet."""
    converted = converts_gas(entries)
    if converted and not site.gas_conversion:
        yield Problem(_CONFIG, "gas_conversion", "gas_factors_missing", {"meter": converted})
    if site.storage.backend == "influxdb":
        for name, value in (("INFLUX_TOKEN", secrets.influx_token), ("INFLUX_ORG", secrets.influx_org)):
            if not value:
                yield Problem(_CONFIG, "storage.backend", "influx_secret_missing", {"name": name})
    if site.home_assistant.url is not None and secrets.home_assistant_token is None:
        yield Problem(_CONFIG, "home_assistant.url", "home_assistant_secret_missing")
    physical = [entry.meter for entry in entries if isinstance(entry.meter, PhysicalMeter)]
    names = {entry.meter_id for entry in entries} | {meter.raw_entity_id for meter in physical}
    if secrets.tibber_api_token and entries and site.tibber.meter_id not in names:
        suggestion = nearest(site.tibber.meter_id, [n for n in names if n])
        figures = {"name": site.tibber.meter_id, "suggestion": suggestion}
        yield Problem(_CONFIG, "tibber.meter_id", "unknown_tibber_meter", figures)

"""Composition root: settings in, Definitions out. `dagster dev` and `dg dev` find `defs` here."""

from dagster import Definitions

from workflows_dagster.logs.from_settings import load_log_config
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.storage.run_log import log_code_location
from workflows_dagster.settings.load import load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.wording.problems import problem_texts


class ConfigurationError(Exception):
    """The configuration cannot be used; the text, which Dagster's page shows, is one sentence per problem."""


def _definitions() -> Definitions:
    try:
        settings = load()
    except SettingsError as error:
        raise ConfigurationError("\n".join(problem_texts(error))) from None
    return build_definitions(settings)


# First, so that problems of the settings are logged too.
log_code_location(load_log_config)
defs = _definitions()

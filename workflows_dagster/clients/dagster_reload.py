"""Asks Dagster's page to reload the code location after the configuration has changed."""

from __future__ import annotations

import logging

import requests

_log = logging.getLogger(__name__)
_SECONDS = 10
_LOCATION = "utility_meters"
_MUTATION = """mutation Reload($name: String!) {
  reloadRepositoryLocation(repositoryLocationName: $name) { __typename }
}"""


def ask_to_reload(url: str) -> bool:
    """Ask once; tell whether Dagster took it.

    Args:
        url: Address of Dagster's page.
    """
    body = {"query": _MUTATION, "variables": {"name": _LOCATION}}
    try:
        answer = requests.post(f"{url}/graphql", json=body, timeout=_SECONDS)
        answer.raise_for_status()
        kind = answer.json()["data"]["reloadRepositoryLocation"]["__typename"]
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        _log.warning("Dagster was not asked to reload (%s)", type(error).__name__)
        return False
    return bool(kind == "WorkspaceLocationEntry")

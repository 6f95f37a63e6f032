"""Compose files as Docker Compose reads them: with defaults filled in, and laid over one another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
MAIN = ROOT / "docker-compose.dagster.yml"
RUN_LAUNCHER = ROOT / "deploy" / "docker-compose.run-launcher.yml"
EDIT_CONFIG = ROOT / "deploy" / "docker-compose.edit-config.yml"
SECRETS = ROOT / "deploy" / "docker-compose.secrets.yml"

_VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)((?:[^{}]|\$\{[^}]*\})*))?\}")
_KEYED = ("environment", "depends_on")
_JOINED = ("networks", "secrets", "cap_drop", "cap_add", "security_opt", "ports", "tmpfs")


def load(*files: Path, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read files, the later ones laid over the first.

    Raises:
        KeyError: A variable that must be set is not in `environ`.
    """
    merged: dict[str, Any] = {}
    for file in files or (MAIN,):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        content = {key: value for key, value in content.items() if not key.startswith("x-")}
        for part, entries in _filled(content, environ or {}).items():
            if part != "services":
                merged[part] = {**merged.get(part, {}), **entries} if isinstance(entries, dict) else entries
                continue
            services = merged.setdefault("services", {})
            for name, service in entries.items():
                services[name] = _laid_over(services.get(name, {}), service)
    return merged


def services(*files: Path, environ: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Give the services of some files."""
    found: dict[str, dict[str, Any]] = load(*files, environ=environ)["services"]
    return found


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """Give a container's environment: the env_files, then what the service says itself."""
    found: dict[str, str] = {}
    for file in service.get("env_file", []):
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        found.update(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {**found, **service.get("environment", {})}


def megabytes(limit: str) -> float:
    """Give a memory limit in millions of bytes."""
    number, unit = re.fullmatch(r"(\d+)([mg])", limit).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 1024**2, "g": 1024**3}[unit] / 1e6


def mounts(service: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Give source and mode of each mount by its place in the container."""
    parts = [volume.split(":") for volume in service.get("volumes", [])]
    return {place: (source, mode[0] if mode else "rw") for source, place, *mode in parts}


def _filled(node: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, environ) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, environ) for value in node]
    if not isinstance(node, str):
        return node

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match.groups()
        if environ.get(name):
            return environ[name]
        if operator == ":?":
            raise KeyError(f"{name}: {rest}")
        return str(_filled(rest or "", environ))

    return _VARIABLE.sub(value, node)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if key == "volumes":
            places = {volume.split(":")[1]: volume for volume in [*below.get(key, []), *value]}
            merged[key] = list(places.values())
        elif key in _KEYED and isinstance(value, dict):
            merged[key] = {**below.get(key, {}), **value}
        elif key in (*_JOINED, *_KEYED):
            merged[key] = list(dict.fromkeys([*below.get(key, []), *value]))
        else:
            merged[key] = value
    return merged

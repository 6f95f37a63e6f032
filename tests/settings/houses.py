"""Config folders for the tests: whole ones, and such that are broken in one place."""

from __future__ import annotations

from pathlib import Path

from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.wording import Words
from workflows_dagster.wording.problems import problem_texts

SHIPPED = Path(__file__).resolve().parents[2] / "config"

CONFIG = "timezone: Europe/Berlin\n"
PATTERNS = """\
patterns:
  mains: {monthly_percentages: [9, 8, 9, 8, 8, 8, 8, 8, 8, 8, 9, 9]}
"""
# Two meters, the first replaced by the second, and what is left when a third is taken away.
METERS = """\
meters:
  - {meter_id: old, type: physical, output_unit: kWh, installation_date: 2020-01-01, deinstallation_date: 2024-11-26}
  - {meter_id: new, type: physical, output_unit: kWh, installation_date: 2024-11-26}
  - {meter_id: flat, type: physical, output_unit: kWh, pattern: mains}
  - meter_id: total
    type: master
    output_unit: kWh
    periods:
      - {start_date: 2020-01-01, end_date: 2024-11-26, composition_type: single, source_meters: [old]}
      - {start_date: 2024-11-27, end_date: 9999-12-31, composition_type: single, source_meters: [new]}
  - {meter_id: rest, type: virtual, output_unit: kWh, base_meter: total, subtract_meters: [flat]}
"""


def write_house(
    folder: Path,
    *,
    config: str | bytes | None = CONFIG,
    meters: str | bytes | None = METERS,
    patterns: str | bytes | None = PATTERNS,
    tariffs: str | bytes | None = None,
) -> Path:
    """Write a config folder, without the files that are None, and give its path."""
    written = folder / "config"
    written.mkdir()
    files = {
        "config.yaml": config,
        "meters.yaml": meters,
        "seasonal_patterns.yaml": patterns,
        "tariffs.yaml": tariffs,
    }
    for name, content in files.items():
        if content is not None:
            (written / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return written


def house(folder: Path, **files: str | bytes | None) -> Settings:
    """Write a config folder and load it, in an empty environment."""
    return load(write_house(folder, **files), {})


def complaints(folder: Path, environ: dict[str, str] | None = None, **files: str | bytes | None) -> list[str]:
    """Write a config folder and give the lines with which it is refused."""
    try:
        load(write_house(folder, **files), environ or {})
    except SettingsError as error:
        return problem_texts(error, Words("en"))
    return []

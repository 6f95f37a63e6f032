"""Writes dashboards and alert rules: `python -m deploy.grafana.builder [--check] [--language de] [--to FOLDER]`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from deploy.grafana.builder.dashboards import annotations, dashboards
from deploy.grafana.builder.model import dashboard_json
from deploy.grafana.builder.rules import rules_yaml
from deploy.grafana.builder.words import words

_FOLDER = Path(__file__).parents[1]


def main() -> int:
    """Write the files, or compare them with what would be written."""
    parser = argparse.ArgumentParser(prog="deploy.grafana.builder", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file differs")
    parser.add_argument("--language", choices=("en", "de"), default="en")
    parser.add_argument("--to", type=Path, default=_FOLDER, help="folder that takes dashboards/ and provisioning/")
    options = parser.parse_args()
    differing = []
    for path, text in built(options.language).items():
        target = options.to / path
        if options.check:
            if not target.exists() or target.read_text(encoding="utf-8") != text:
                differing.append(path)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    for path in differing:
        print(f"deploy/grafana/{path} is not what the builder writes. Run `make grafana`.", file=sys.stderr)
    return 1 if differing else 0


def built(language: str) -> dict[str, str]:
    """Give all files by path below deploy/grafana."""
    say = words(language)
    files = {
        f"dashboards/{one.uid}.json": json.dumps(dashboard_json(one, annotations(), say), indent=2, ensure_ascii=False)
        + "\n"
        for one in dashboards()
    }
    return {**files, "provisioning/alerting/utility-meters.yaml": rules_yaml(say)}


if __name__ == "__main__":
    sys.exit(main())

"""What a process needs to know to log: read in another process where the settings would cost too much memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

_LONGEST_READING = 120


@dataclass(frozen=True)
class LogPlan:
    """How one process logs.

    Attributes:
        level: The least level that is logged.
        form: A JSON object a line, or text for people.
        file: File beside the console; None for none.
        max_bytes: Size at which it is rotated. [byte]
        backup_count: How many rotated files are kept.
        secrets: What must not appear in any line.
        problem: Why this is not what config.yaml says, where it could not be read.
    """

    level: str = "INFO"
    form: Literal["json", "text"] = "text"
    file: Path | None = None
    max_bytes: int = 10_000_000
    backup_count: int = 5
    secrets: tuple[str, ...] = field(default=(), repr=False)
    problem: str | None = None

    def encode(self) -> str:
        """Give the plan as JSON, for another process. It holds the secrets."""
        return json.dumps(asdict(self) | {"file": str(self.file) if self.file else None})


def decode(text: str) -> LogPlan:
    """Read a plan that `encode` wrote.

    Raises:
        ValueError: It is none.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no log plan")
    fields: dict[str, Any] = found
    try:
        file = Path(fields["file"]) if fields["file"] else None
        return LogPlan(**fields | {"file": file, "secrets": tuple(fields["secrets"])})
    except (KeyError, TypeError) as error:
        raise ValueError("no log plan") from error


def plan_read_elsewhere(environ: Mapping[str, str]) -> LogPlan:
    """Read the plan from the house's settings in a process of its own.

    The settings bring pandas with them, 45 MB that the page and the daemon would keep for as long as they run.
    Whatever goes wrong there, a plan comes back: a service that cannot read its log settings still has to run.

    Args:
        environ: The environment that says where configuration and secrets are.
    """
    command = [sys.executable, "-m", "workflows_dagster.logs.reading"]
    try:
        answer = subprocess.run(
            command, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
            timeout=_LONGEST_READING,
        )  # fmt: skip
        return decode(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # Not the error itself: what it quotes is not masked yet.
        return LogPlan(problem=f"the settings cannot be read ({type(error).__name__}); see `meters check`")

"""How a process logs, as it is handed from one process to another."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class LogConfig:
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
        """Write it as JSON, for another process. It holds the secrets."""
        return json.dumps(asdict(self), default=str)


def decode(text: str) -> LogConfig:
    """Read what `encode` wrote.

    Raises:
        ValueError: It is something else.
    """
    try:
        fields = json.loads(text)
        file = Path(fields["file"]) if fields["file"] else None
        return LogConfig(**fields | {"file": file, "secrets": tuple(fields["secrets"])})
    except (KeyError, TypeError) as error:
        raise ValueError("no log configuration") from error


def load_in_another_process(environ: Mapping[str, str]) -> LogConfig:
    """Read the settings of the house in a process of its own.

    The settings bring pandas with them, 45 MB that the page and the daemon would keep for as long as they run.
    A service that cannot read its log settings still has to run, so any failure gives the defaults and their reason.

    Args:
        environ: The environment that says where configuration and secrets are.
    """
    command = [sys.executable, "-m", "workflows_dagster.logs.from_settings"]
    try:
        answer = subprocess.run(
            command, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
            timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip
        return decode(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # Not the error itself: what it quotes is not masked yet.
        return LogConfig(problem=f"the settings cannot be read ({type(error).__name__}); see `meters check`")

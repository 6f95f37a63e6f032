"""A process's log configuration, which can be passed to other processes."""

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
    """A process's log configuration.

    Attributes:
        level: The least level that is logged.
        form: JSON lines, or text for people.
        file: Log file in addition to the console; None for none.
        max_bytes: Size at which it is rotated. [byte]
        backup_count: How many rotated files are kept.
        secrets: Texts that no line may contain.
        problem: Why config.yaml could not be read and defaults are used, if so.
    """

    level: str = "INFO"
    form: Literal["json", "text"] = "text"
    file: Path | None = None
    max_bytes: int = 10_000_000
    backup_count: int = 5
    secrets: tuple[str, ...] = field(default=(), repr=False)
    problem: str | None = None

    def encode(self) -> str:
        """Encode it as JSON for another process, including the secrets."""
        return json.dumps(asdict(self), default=str)


def decode(text: str) -> LogConfig:
    """Decode what `encode` wrote.

    Raises:
        ValueError: The text is something else.
    """
    try:
        fields = json.loads(text)
        file = Path(fields["file"]) if fields["file"] else None
        return LogConfig(**fields | {"file": file, "secrets": tuple(fields["secrets"])})
    except (KeyError, TypeError) as error:
        raise ValueError("no log configuration") from error


def load_in_another_process(environ: Mapping[str, str]) -> LogConfig:
    """Load the log configuration from the settings in a separate process.

    The settings import pandas, 45 MB that the page and the daemon would hold as long as they run. A service that cannot
    read its log settings still has to run, so any failure gives the defaults and the reason.

    Args:
        environ: Environment variables with the paths of configuration and secrets.
    """
    command = [sys.executable, "-m", "workflows_dagster.logs.from_settings"]
    try:
        answer = subprocess.run(
            command, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
            timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip
        return decode(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # Without the error itself, which is not masked yet.
        return LogConfig(problem=f"the settings cannot be read ({type(error).__name__}); see `meters check`")

"""Wait until a service listens: `await_port.py HOST PORT SECONDS`. Needs nothing but Python itself.

systemd names the service's process (MAINPID). Once that has ended nothing will listen any more: the wait is over.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path


def main(host: str, port: str, seconds: str) -> int:
    """Return 0 once a connection is accepted, 1 when the time is over or the service has ended."""
    deadline = time.monotonic() + float(seconds)
    process = os.environ.get("MAINPID")
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
        except OSError as error:
            if time.monotonic() > deadline:
                print(f"{host}:{port}: nothing answered within {seconds} s ({error}).", file=sys.stderr)
                return 1
            if process and has_ended(int(process)):
                print(f"{host}:{port}: the service ended before it answered. See what it said last.", file=sys.stderr)
                return 1
            time.sleep(0.1)
        else:
            return 0


def has_ended(process: int) -> bool:
    """Whether a process is no more, or nothing but its exit code."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return True
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "Z"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

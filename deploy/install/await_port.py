"""Wait until something listens: `await_port.py HOST PORT SECONDS`. Needs nothing but Python itself."""

from __future__ import annotations

import socket
import sys
import time


def main(host: str, port: str, seconds: str) -> int:
    """Return 0 once a connection is accepted, 1 when the time is over."""
    deadline = time.monotonic() + float(seconds)
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
        except OSError as error:
            if time.monotonic() > deadline:
                print(f"{host}:{port}: nothing answered within {seconds} s ({error}).", file=sys.stderr)
                return 1
            time.sleep(0.2)
        else:
            return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

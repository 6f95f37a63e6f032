"""A stand-in for Docker's engine: it makes no container, but answers what a client asks and remembers it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

CONTAINER = "0123456789abcdef" * 4


@dataclass
class Engine:
    """What was asked, and the one container.

    Attributes:
        asked: Method and path of each request.
        made: What the container was made from.
        status: How it is.
        there: Whether there is one still.
    """

    asked: list[tuple[str, str]] = field(default_factory=list)
    made: dict[str, Any] = field(default_factory=dict)
    status: str = "created"
    there: bool = True

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        """Give status and content of an answer."""
        self.asked.append((method, path))
        if path == "/version":
            return 200, {"ApiVersion": "1.43", "Version": "24.0.2"}
        if not self.there:
            return 404, {"message": "No such container"}
        if path.endswith("/containers/create"):
            self.made = json.loads(body)
            return 201, {"Id": CONTAINER, "Warnings": []}
        if path.endswith(f"/containers/{CONTAINER}/json"):
            return 200, {"Id": CONTAINER, "State": {"Status": self.status}, "Image": "sha256:1"}
        if path.endswith(f"/containers/{CONTAINER}/start"):
            self.status = "running"
            return 204, None
        if path.endswith(f"/containers/{CONTAINER}/stop"):
            self.status = "exited"
            return 204, None
        return 501, {"message": f"{method} {path} is not played here"}


class EngineServer:
    """The engine on a port of its own."""

    def __init__(self) -> None:
        self.engine = engine = Engine()

        class Requests(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._reply()

            def do_POST(self) -> None:
                self._reply()

            def _reply(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content = engine.answer(self.command, urlsplit(self.path).path, body)
                sent = b"" if content is None else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self.url = f"tcp://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

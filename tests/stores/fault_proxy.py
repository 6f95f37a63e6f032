"""A proxy before a real InfluxDB that injects one fault of network, proxy or server."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

import urllib3

from workflows_dagster.stores.ports import READINGS_CHANGED

Kind = Literal["query", "write"]


@dataclass
class Exchange:
    """One request on its way: what was asked, the server's answer, and the wire to answer on."""

    handler: BaseHTTPRequestHandler
    forward: Callable[[], tuple[int, bytes]]

    def answer(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        """Answer in the server's place, with a length that is right."""
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", content_type)
        self.handler.send_header("Content-Length", str(len(body)))
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def refuse(self, status: int) -> None:
        self.answer(status, b'{"code": "unavailable", "message": "a fault"}')

    def reset(self) -> None:
        """End the connection with a reset."""
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handler.connection.close()

    def half(self) -> None:
        """Promise the whole answer, send half of it."""
        _, body = self.forward()
        self.handler.send_response(200)
        self.handler.send_header("Content-Length", str(len(body)))
        self.handler.end_headers()
        self.handler.wfile.write(body[: len(body) // 2])
        self.handler.wfile.flush()
        self.reset()

    def cut(self, at_a_lines_end: bool) -> None:
        """Send an answer that ends early, with a length that fits it."""
        status, body = self.forward()
        middle = body.rfind(b"\n", 0, 2 * len(body) // 3) + 1
        self.answer(status, body[:middle] if at_a_lines_end else body[: middle + 7], "text/csv")

    def trickle(self, seconds: float) -> None:
        """Send a byte now and then, longer than anybody waits."""
        _, body = self.forward()
        self.handler.send_response(200)
        self.handler.send_header("Content-Length", str(len(body)))
        self.handler.end_headers()
        due = time.monotonic() + seconds
        for position in range(len(body)):
            if time.monotonic() > due:
                break
            self.handler.wfile.write(body[position : position + 1])
            self.handler.wfile.flush()
            time.sleep(seconds / 5)
        self.reset()


Fault = Callable[[Exchange], None]


class FaultProxy:
    """Passes everything on, except the requests that it is told to spoil; never marks of changed months.

    Attributes:
        url: Its address.
        spoiled: How many requests it has spoiled.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._pool = urllib3.PoolManager(retries=False)
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._kind: Kind = "query"
        self._left = 0
        self.spoiled = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                proxy._handle(self)

            def do_GET(self) -> None:
                proxy._handle(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """The other side gives up: that is what is tried here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def spoil(self, kind: Kind, fault: Fault, times: int) -> None:
        """Spoil the next requests of a kind."""
        with self._lock:
            self._kind, self._fault, self._left, self.spoiled = kind, fault, times, 0

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._pool.clear()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        # Answers come plain, as from a proxy that unpacks them.
        dropped = {"host", "content-length", "accept-encoding", "connection"}
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in dropped}

        def forward() -> tuple[int, bytes]:
            answer = self._pool.request(handler.command, self._upstream + handler.path, body=body, headers=headers)
            return answer.status, answer.data

        exchange = Exchange(handler, forward)
        with self._lock:
            content = gzip.decompress(body) if handler.headers.get("Content-Encoding") == "gzip" else body
            named = urlsplit(handler.path).path.endswith(f"/{self._kind}")
            wanted = self._left > 0 and named and not content.startswith(READINGS_CHANGED.name.encode())
            fault = self._fault if wanted else None
            self._left -= wanted
            self.spoiled += wanted
        with contextlib.suppress(OSError):
            if fault is not None:
                fault(exchange)
                handler.close_connection = True
            else:
                status, answer = forward()
                exchange.answer(status, answer, "text/csv" if status == 200 else "application/json")

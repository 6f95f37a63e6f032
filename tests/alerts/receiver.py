"""A real HTTP server on this machine that receives alerts through apprise's `json://`."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from pydantic import SecretStr

SECRET = "s3cr3t-t0ken"


class Receiver:
    """Records what it is sent; `status` is what it answers."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []
        self.tries = 0
        self.status = 200
        self.released = threading.Event()
        self.hangs = False
        receiver = self

        class Service(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.tries += 1
                if receiver.hangs:
                    receiver.released.wait(20)
                    return
                if receiver.status == 200:
                    receiver.messages.append(body)
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def address(self) -> SecretStr:
        """Its apprise URL, with a token in it."""
        return SecretStr(f"json://user:{SECRET}@127.0.0.1:{self._server.server_port}/{SECRET}")

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def nobody() -> SecretStr:
    """An address at which nothing listens."""
    with Receiver() as gone:
        return gone.address

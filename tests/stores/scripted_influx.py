"""A local HTTP server with scripted answers that records its requests."""

from __future__ import annotations

import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from workflows_dagster.stores.ports import READINGS_CHANGED


@dataclass(frozen=True)
class Answer:
    """One scripted answer. `drop` closes the connection instead; `cut` ends the body before it is whole."""

    status: int = 204
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bool = False
    delay: float = 0.0


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire, the body unpacked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str

    @property
    def flux(self) -> str:
        return str(json.loads(self.body)["query"])


def refusal(status: int, message: str, code: str = "x", **headers: str) -> Answer:
    """An error as InfluxDB words it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps({"code": code, "message": message}), {"Content-Type": "application/json", **named})


def table(types: str, names: str, *rows: str) -> Answer:
    """A Flux answer of one table."""
    return Answer(
        200,
        "".join(line + "\r\n" for line in (f"#datatype,{types}", f",{names}", *rows, "")),
        {"Content-Type": "text/csv"},
    )


NOTHING = Answer(200, "\r\n", {"Content-Type": "text/csv"})


def readings(*rows: str, results: int = 1) -> Answer:
    """Readings as one of several results; the others are empty."""
    whole = table("string,long,dateTime:RFC3339,double", "result,table,_time,_value", *(f",0,0,{row}" for row in rows))
    return Answer(whole.status, whole.body + "\r\n" * (results - 1), whole.headers)


class ScriptedInflux:
    """Plays its answers in order; a request beyond them is answered 599, which nobody expects.

    Marks of changed months are stored aside.
    """

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.marks: list[Request] = []
        self._released = threading.Event()
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                script._play(self)

            def do_GET(self) -> None:
                script._play(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _play(self, handler: BaseHTTPRequestHandler) -> None:
        sent = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        body = gzip.decompress(sent) if handler.headers.get("Content-Encoding") == "gzip" else sent
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        request = Request(handler.command, parts.path, query, dict(handler.headers), body.decode())
        if request.path == "/api/v2/write" and request.body.startswith(READINGS_CHANGED.name):
            self.marks.append(request)
            answer = Answer()
        else:
            self.requests.append(request)
            answer = self.answers.pop(0) if self.answers else Answer(599)
        gave_up = self._released.wait(answer.delay)
        content = answer.body.encode()
        if not answer.drop and not gave_up:
            handler.send_response(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(content) + (10 if answer.cut else 0)))
            handler.end_headers()
            handler.wfile.write(content)
        handler.close_connection = answer.drop or answer.cut or gave_up

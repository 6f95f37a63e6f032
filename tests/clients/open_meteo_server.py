"""A stand-in for Open-Meteo on this machine: archive and forecast over HTTP as its documentation describes them."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd

from tests.clients.tibber_server import Fault
from workflows_dagster.settings.site import WeatherSettings

ARCHIVE, FORECAST = "/v1/archive", "/v1/forecast"


@dataclass
class OpenMeteoStandIn:
    """One place's temperatures, and faults on demand.

    Attributes:
        archive: What the archive has, by UTC hour; hours that it lacks are null. [°C]
        forecast: What the forecast has. [°C]
        faults: What goes wrong with the next requests, one each.
        asked: The requests so far: path, and parameters.
        unit: Unit of the answers.
        port: Where it listens.
    """

    archive: pd.Series
    forecast: pd.Series
    faults: deque[Fault] = field(default_factory=deque)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    unit: str = "°C"
    port: int = 0

    def settings(self, latitude: float = 52.5163, longitude: float = 13.3777) -> WeatherSettings:
        """Give the settings that ask the stand-in."""
        address = f"http://127.0.0.1:{self.port}"
        return WeatherSettings(
            latitude=latitude, longitude=longitude, archive_url=address + ARCHIVE, forecast_url=address + FORECAST
        )

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        """Answer a question: status and JSON."""
        self.asked.append((path, asked))
        if asked.get("hourly") != "temperature_2m" or asked.get("timezone") != "GMT":
            return HTTPStatus.BAD_REQUEST, {"error": True, "reason": "Data corrupted at path ''."}
        first, last = (pd.Timestamp(asked[name], tz="UTC") for name in ("start_date", "end_date"))
        if first > last:
            return HTTPStatus.BAD_REQUEST, {"error": True, "reason": "'start_date' lies after 'end_date'."}
        hours = pd.date_range(first, last + pd.Timedelta(days=1), freq="h", inclusive="left", unit="us")
        given = (self.archive if path == ARCHIVE else self.forecast).reindex(hours)
        return HTTPStatus.OK, {
            "latitude": 52.52,
            "longitude": 13.419,
            "generationtime_ms": 2.2,
            "utc_offset_seconds": 0,
            "timezone": "GMT",
            "timezone_abbreviation": "GMT",
            "elevation": 38.0,
            "hourly_units": {"time": "iso8601", "temperature_2m": self.unit},
            "hourly": {
                "time": [f"{hour:%Y-%m-%dT%H:%M}" for hour in hours],
                "temperature_2m": [None if pd.isna(value) else value for value in given.tolist()],
            },
        }


@contextmanager
def serving(stand_in: OpenMeteoStandIn) -> Iterator[OpenMeteoStandIn]:
    """Let a stand-in answer on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, answer = stand_in.answer(parts.path, asked)
            body, kind = json.dumps(answer).encode(), "application/json"
            fault = stand_in.faults.popleft() if stand_in.faults else Fault()
            if fault.body is not None or fault.status != HTTPStatus.OK:
                status, body, kind = fault.status, fault.body or b"", fault.content_type
            if fault.cut == 0:
                return
            self.send_response_only(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **fault.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: fault.cut])

        def log_message(self, format: str, *args: Any) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

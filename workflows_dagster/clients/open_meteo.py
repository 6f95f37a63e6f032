"""Reads the hourly outdoor temperature of a place from Open-Meteo; an invalid answer is refused as a whole.

Addresses, parameters and answers: https://open-meteo.com/en/docs and https://open-meteo.com/en/docs/historical-weather-api.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import requests

from workflows_dagster.clients.http import Failure, failure_of, retry_after
from workflows_dagster.domain.degree_days import PLAUSIBLE_CELSIUS
from workflows_dagster.domain.printable import printable
from workflows_dagster.retry import Clock, GaveUpError, RetryPolicy, SystemClock, TransientError

VARIABLE = "temperature_2m"
# Coordinates are rounded before they leave the house: a tenth of a degree is 11 km from north to south.
COORDINATE_DECIMALS = 1

_LONGEST_RETRYING = 300.0
# Limits are by the minute, the hour and the day; an answer gives no time to wait.
_WAIT_AT_LIMIT = 60.0
_LONGEST_REASON = 200
_LATER = "Nothing is lost: the next fetch asks again, and the days computed meanwhile repair themselves."
_UNTRUSTED = "Nothing of this answer is used; the next fetch asks again. If it stays so, report it to Open-Meteo."


class OpenMeteoError(RuntimeError):
    """Temperatures cannot be read; the text is one sentence with fact and remedy.

    Attributes:
        passing: Whether the failure is transient.
    """

    def __init__(self, sentence: str, *, passing: bool = False) -> None:
        super().__init__(sentence)
        self.passing = passing


class OpenMeteoClient:
    """Reads one place's temperatures, a request at a time, as the service asks of those who do not pay.

    Args:
        archive_url: Address of the archive, which lags some days.
        forecast_url: Address of the forecast, which also has the last three months.
        latitude: Degrees north. [°]
        longitude: Degrees east. [°]
        timeout_seconds: Longest wait for a connection, and for each piece of an answer. [s]
        attempts: Most tries of one request.
        clock: Clock for waits; the machine's monotonic clock by default.
    """

    def __init__(
        self,
        archive_url: str,
        forecast_url: str,
        latitude: float,
        longitude: float,
        *,
        timeout_seconds: float = 30,
        attempts: int = 4,
        clock: Clock | None = None,
    ) -> None:
        self._archive_url, self._forecast_url = archive_url, forecast_url
        self._place = {
            "latitude": round(latitude, COORDINATE_DECIMALS),
            "longitude": round(longitude, COORDINATE_DECIMALS),
        }
        self._timeout = timeout_seconds
        self._retries = RetryPolicy(max(attempts - 1, 0), longest_total=_LONGEST_RETRYING, clock=clock or SystemClock())

    def archived(self, first: date, last: date) -> pd.Series:
        """Read the temperatures of some days from the archive.

        Args:
            first: First UTC day.
            last: Last UTC day.

        Returns:
            Temperature by UTC hour, without the hours that the archive does not have (yet). [°C], index
            `datetime64[us, UTC]`, increasing.

        Raises:
            OpenMeteoError: They could not be read, or the answer is not what the service promises.
        """
        return self._hours(self._archive_url, "weather.archive_url", first, last)

    def recent(self, first: date, last: date) -> pd.Series:
        """Read the temperatures of some of the last 90 days from the forecast; otherwise as `archived`."""
        return self._hours(self._forecast_url, "weather.forecast_url", first, last)

    def _hours(self, url: str, key: str, first: date, last: date) -> pd.Series:
        asked: dict[str, Any] = self._place | {
            "start_date": first.isoformat(),
            "end_date": last.isoformat(),
            "hourly": VARIABLE,
            "timezone": "GMT",
        }
        try:
            answer = self._retries.run("Open-Meteo", lambda: self._once(url, key, asked))
        except GaveUpError as error:
            failure = error.last
            raise OpenMeteoError(
                f"Open-Meteo: {failure.fact} ({error.effort}). {failure.remedy}", passing=True
            ) from None
        found = _temperatures(answer)
        inside = (found.index >= pd.Timestamp(first, tz=UTC)) & (
            found.index < pd.Timestamp(last, tz=UTC) + pd.Timedelta(days=1)
        )
        return found[inside]

    def _once(self, url: str, key: str, asked: dict[str, Any]) -> object:
        address = f"Correct {key} in config.yaml, or leave it out."
        try:
            response = requests.get(url, asked, timeout=self._timeout, allow_redirects=False)
        except (requests.RequestException, OSError, ValueError) as failure:
            raise _unreached(url, failure, self._timeout, address) from None
        status = response.status_code
        if status == 429:
            raise TransientError(
                "the service says that it is asked too often (429)", _LATER, retry_after(response) or _WAIT_AT_LIMIT
            )
        if status >= 500 or status == 408:
            raise TransientError(f"the service is out of order ({status})", _LATER, retry_after(response))
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if status != 200:
            reason = answer.get("reason") if isinstance(answer, dict) else None
            said = f": {printable(str(reason))[:_LONGEST_REASON]}" if reason else ""
            raise OpenMeteoError(f"Open-Meteo: {url} refuses the question ({status}){said}. {address}")
        if answer is None:
            kind = response.headers.get("Content-Type", "no type").partition(";")[0]
            raise TransientError(f"{url} gives no JSON but {len(response.content)} bytes ({kind})", _UNTRUSTED)
        return answer


def _unreached(url: str, error: BaseException, timeout: float, address: str) -> Exception:
    failure = failure_of(error)
    if failure is Failure.IMPOSSIBLE:
        return OpenMeteoError(f"Open-Meteo: {url} cannot be asked ({type(error).__name__}). {address}")
    if failure is Failure.CERTIFICATE:
        remedy = "Look whether this machine's clock and certificates are right."
        return OpenMeteoError(f"Open-Meteo: the certificate of {url} cannot be verified. {remedy}")
    facts = {
        Failure.TIMEOUT: f"no answer from {url} within {timeout:g} s",
        Failure.UNKNOWN_HOST: f"the host of {url} is not known",
        Failure.REFUSED: f"{url} refuses the connection",
        Failure.BROKEN: f"the connection to {url} broke",
    }
    return TransientError(facts[failure], _LATER)


def _temperatures(answer: object) -> pd.Series:
    """Parse an answer; it is used only if all of it is as the service promises."""
    hourly = _object(_object(answer, "the answer").get("hourly"), "hourly")
    units = _object(_object(answer, "the answer").get("hourly_units"), "hourly_units")
    if units.get(VARIABLE) != "°C":
        raise _untrusted(f"the unit of {VARIABLE} is {units.get(VARIABLE)!r}, not °C")
    times, values = hourly.get("time"), hourly.get(VARIABLE)
    if not isinstance(times, list) or not isinstance(values, list) or len(times) != len(values):
        raise _untrusted(f"the lists time and {VARIABLE} are not equally long")
    known = {_instant(time): _celsius(value) for time, value in zip(times, values, strict=True) if value is not None}
    index = pd.DatetimeIndex(pd.Series(list(known), dtype="datetime64[us, UTC]"))
    return pd.Series(list(known.values()), index, dtype=float).sort_index()


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _untrusted(f"{name} is {printable(repr(value))[:40]}, not an object")
    return value


def _instant(text: object) -> datetime:
    try:
        # The service writes UTC without saying so, because it was asked for GMT.
        return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
    except ValueError:
        raise _untrusted(f"{printable(repr(text))[:40]} is no time") from None


def _celsius(value: object) -> float:
    least, most = PLAUSIBLE_CELSIUS
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _untrusted(f"{printable(repr(value))[:40]} is no temperature")
    if not least <= value <= most:
        raise _untrusted(f"{value} °C is no outdoor temperature")
    return float(value)


def _untrusted(fact: str) -> OpenMeteoError:
    return OpenMeteoError(f"Open-Meteo: {fact}. {_UNTRUSTED}", passing=True)

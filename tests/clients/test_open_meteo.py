"""Open-Meteo's temperatures over a stand-in of its service: what is asked, gaps, limits, and each fault."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.clients.open_meteo_server import OpenMeteoStandIn, serving
from tests.clients.tibber_server import Fault, cut_short, drop, instead, refusal
from tests.clock import PatientClock
from workflows_dagster.clients.open_meteo import OpenMeteoClient, OpenMeteoError

FIRST, LAST = date(2025, 1, 1), date(2025, 1, 2)


def hours(start: str, days: int, celsius: float) -> pd.Series:
    index = pd.date_range(start, periods=24 * days, freq="h", tz="UTC", unit="us")
    return pd.Series(celsius + np.round(index.hour / 10, 1), index)


@pytest.fixture
def service() -> Iterator[OpenMeteoStandIn]:
    with serving(OpenMeteoStandIn(hours("2025-01-01", 2, -3.0), hours("2025-01-01", 4, -2.0))) as stand_in:
        yield stand_in


def client(service: OpenMeteoStandIn, clock: PatientClock | None = None) -> OpenMeteoClient:
    site = service.settings()
    assert site.latitude is not None
    assert site.longitude is not None
    return OpenMeteoClient(
        site.archive_url, site.forecast_url, site.latitude, site.longitude, clock=clock or PatientClock()
    )


def refused(service: OpenMeteoStandIn) -> OpenMeteoError:
    with pytest.raises(OpenMeteoError) as caught:
        client(service).archived(FIRST, LAST)
    return caught.value


def test_the_hours_are_read_and_no_more_than_a_tenth_of_a_degree_of_the_place_leaves_the_house(service):
    found = client(service).archived(FIRST, LAST)
    pd.testing.assert_series_equal(found, service.archive, check_freq=False, check_names=False)
    ((path, asked),) = service.asked
    assert path == "/v1/archive"
    assert (asked["latitude"], asked["longitude"]) == ("52.5", "13.4")
    assert client(service).recent(date(2025, 1, 4), date(2025, 1, 4)).iloc[0] == -2.0
    assert service.asked[1][0] == "/v1/forecast"


def test_what_the_archive_does_not_have_yet_is_left_out(service):
    service.archive = service.archive.drop(service.archive.index[5])
    found = client(service).archived(FIRST, date(2025, 1, 5))
    assert len(found) == 47
    assert found.notna().all()


def test_a_limit_is_waited_for_and_an_outage_tried_again(service):
    clock = PatientClock()
    limit = json.dumps({"error": True, "reason": "Minutely API request limit exceeded."}).encode()
    service.faults.extend([Fault(429, body=limit), refusal(503), drop()])
    assert len(client(service, clock).archived(FIRST, LAST)) == 48
    assert clock.waits[0] == 60.0
    assert len(service.asked) == 4


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (refusal(429), "the service says that it is asked too often (429)"),
        (refusal(502), "the service is out of order (502)"),
        (drop(), "broke"),
        (cut_short(), "broke"),
        (instead("<html>", "text/html"), "gives no JSON but 6 bytes (text/html)"),
    ],
)
def test_what_passes_is_said_with_how_long_it_was_tried(service, fault, said):
    service.faults.extend([fault] * 4)
    error = refused(service)
    assert error.passing
    assert said in str(error)
    assert " tries in " in str(error)


def test_a_refused_question_is_said_with_the_services_reason(service):
    service.faults.append(Fault(400, body=b'{"error": true, "reason": "Latitude must be in range"}'))
    error = refused(service)
    assert not error.passing
    assert "(400): Latitude must be in range. Correct weather.archive_url in config.yaml" in str(error)


def test_a_service_that_is_not_there_is_told(service):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        service.port = probe.getsockname()[1]
    assert "refuses the connection (4 tries in " in str(refused(service))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([], "the answer is [], not an object"),
        ({"hourly": {}}, "hourly_units is None, not an object"),
        ({"hourly_units": {"temperature_2m": "°F"}, "hourly": {}}, "'°F', not °C"),
        (
            {
                "hourly_units": {"temperature_2m": "°C"},
                "hourly": {"time": ["2025-01-01T00:00"], "temperature_2m": [1, 2]},
            },
            "not equally long",
        ),
        (
            {"hourly_units": {"temperature_2m": "°C"}, "hourly": {"time": ["noon"], "temperature_2m": [1]}},
            "'noon' is no time",
        ),
        (
            {"hourly_units": {"temperature_2m": "°C"}, "hourly": {"time": ["2025-01-01"], "temperature_2m": ["x"]}},
            "'x' is no temperature",
        ),
        (
            {"hourly_units": {"temperature_2m": "°C"}, "hourly": {"time": ["2025-01-01"], "temperature_2m": [290]}},
            "290 °C is no outdoor temperature",
        ),
    ],
)
def test_an_answer_of_another_shape_is_refused_as_a_whole(service, answer, said):
    service.faults.append(instead(json.dumps(answer)))
    error = refused(service)
    assert said in str(error)
    assert "Nothing of this answer is used" in str(error)

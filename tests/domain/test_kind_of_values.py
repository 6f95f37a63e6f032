"""A register among intervals and consumption among readings are recognised; the right kinds are not."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.domain.house import BERLIN, hourly
from workflows_dagster.domain.intervals import by_day, register_from_intervals
from workflows_dagster.domain.kind_of_values import looks_like_consumption, looks_like_register
from workflows_dagster.domain.plausibility import implausible_rates
from workflows_dagster.domain.season import FLAT, weight_of

RANDOM = np.random.default_rng(7)
CONSUMPTION = RANDOM.uniform(0.02, 0.6, 200)
SUNSHINE = np.tile(np.maximum(0, np.sin(np.linspace(-np.pi, np.pi, 96))), 4)
REGISTER = 5000 + np.cumsum(CONSUMPTION)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(REGISTER, id="electricity"),
        pytest.param(REGISTER - REGISTER[0], id="a new register"),
        pytest.param(np.round(REGISTER / 10, 1), id="a coarse register, which often stands still"),
        pytest.param(np.append(REGISTER[:150], REGISTER[:50]), id="replaced once"),
    ],
)
def test_a_register_only_climbs(values):
    assert looks_like_register(values)
    assert not looks_like_consumption(values)


@pytest.mark.parametrize(
    "values", [pytest.param(CONSUMPTION, id="electricity"), pytest.param(CONSUMPTION * 1000, id="in Wh")]
)
def test_consumption_falls_every_second_time(values):
    assert looks_like_consumption(values)
    assert not looks_like_register(values)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.full(200, 0.5), id="a steady consumer"),
        pytest.param(SUNSHINE, id="the sun"),
        pytest.param(REGISTER[:20], id="few numbers"),
        pytest.param(np.zeros(200), id="nothing"),
    ],
)
def test_what_may_be_either_is_not_judged(values):
    assert not looks_like_register(values)


def test_a_register_among_intervals_is_one_finding():
    values = [*CONSUMPTION[:96], *REGISTER[:192], *CONSUMPTION[:96]]
    register = register_from_intervals(hourly(values), "iv", weight_of(FLAT), zone=BERLIN)
    (found,) = register.findings
    assert (found.code, found.figures["count"]) == ("register_as_intervals", 192)
    assert found.figures["first"] == pytest.approx(REGISTER[0])


def test_one_interval_in_watt_hours_makes_its_day_implausible():
    hours = hourly([0.5] * 24 * 40)
    hours.iloc[500] = 500.0
    register = register_from_intervals(hours, "iv", weight_of(FLAT), zone=BERLIN)
    (found,) = implausible_rates(by_day(register), "iv", 0.001, weight_of(FLAT))
    assert found.start.date() == date(2024, 1, 30)
    assert found.figures["advance"] == pytest.approx(511.5)


def test_a_car_that_is_charged_at_night_is_plausible():
    hours = hourly(([0.2] * 23 + [1.0]) * 40)
    hours.iloc[500:503] = 11.0
    register = register_from_intervals(hours, "iv", weight_of(FLAT), zone=BERLIN)
    assert implausible_rates(by_day(register), "iv", 0.001, weight_of(FLAT)) == []

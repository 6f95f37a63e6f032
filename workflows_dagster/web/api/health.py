"""Routes at the root: whether the page lives and can work, what it has done, figures for Prometheus."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress

import pandas as pd
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from workflows_dagster.domain import days
from workflows_dagster.logs.masking import masked
from workflows_dagster.services.house_condition import HouseCondition, house_condition
from workflows_dagster.stores.ports import StoreError
from workflows_dagster.web.api.parameters import House, Spoken, iso, now_utc
from workflows_dagster.web.state import HouseState

router = APIRouter(tags=["health"])
# A day is computed in the night after it.
_LONGEST_WITHOUT_DAY = 2
_DAY_SECONDS = 86_400


@router.get("/health")
def health() -> dict[str, str]:
    """Tell that the process lives; nothing else is asked."""
    return {"status": "ok"}


@router.get("/health/ready", responses={503: {"description": "Something that is configured fails."}})
def ready(house: House, words: Spoken, request: Request) -> JSONResponse:
    """Tell whether the store answers and the days are up to date, each with its sentence."""
    now = now_utc()
    checks = []
    try:
        found = condition_of(house, now)
    except StoreError as error:
        checks.append({"name": "store", "ok": False, "detail": masked(str(error))})
    else:
        stored = not house.is_without_file(house.settings)
        sentence = words.say("The store answers.") if stored else house.notices(words)[-1]
        checks.append({"name": "store", "ok": stored, "detail": sentence})
        checks.append(_newest_day(found, house, words, now))
        checks.append(_runs(found, words))
    companion = request.app.state.companion
    is_good, detail = (
        (True, words.say("No live connection is set up.")) if companion is None else companion.notice(words)
    )
    checks.append({"name": "home_assistant", "ok": is_good, "detail": masked(detail)})
    is_ready = all(check["ok"] for check in checks)
    answer = {"status": "ok" if is_ready else "failing", "checks": checks}
    return JSONResponse(answer, 200 if is_ready else 503)


def _newest_day(found: HouseCondition, house: HouseState, words: Spoken, now: pd.Timestamp) -> dict[str, object]:
    newest = found.newest_day
    if newest is None:
        return {
            "name": "newest_day",
            "ok": False,
            "detail": words.say("No day is computed yet. Run `meters backfill`."),
        }
    age = (days.civil_day(now, house.settings.site.zone) - newest).days
    detail = words.say("The newest computed day is {day}.", day=words.format.day(newest))
    is_good = age <= _LONGEST_WITHOUT_DAY
    if not is_good:
        remedy = words.say("The daemon computes each night; see whether it runs.")
        detail = f"{detail} {remedy}"
    return {"name": "newest_day", "ok": is_good, "detail": detail, "age_days": age}


def _runs(found: HouseCondition, words: Spoken) -> dict[str, object]:
    status = found.status
    if status is None or status.run_ended is None:
        return {"name": "runs", "ok": True, "detail": words.say("No run has ended yet.")}
    at = words.format.minute(status.run_ended)
    if status.failed_jobs:
        names = ", ".join(status.failed_jobs)
        detail = words.say("These runs failed: {names}. Dagster's page says why.", names=names)
        return {"name": "runs", "ok": False, "detail": detail}
    return {"name": "runs", "ok": True, "detail": words.say("The last run ended at {time}.", time=at)}


@router.get("/statistics")
def statistics(house: House) -> dict[str, object]:
    """Tell what the page has done since its start and since ever."""
    counts = house.statistics
    return {
        "started": iso(house.started, house),
        "since_start": counts.since_start(),
        "since_ever": counts.since_ever(),
    }


@router.get("/metrics", response_class=Response)
def metrics(house: House) -> Response:
    """Give the house's figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Figures(house))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def condition_of(house: HouseState, now: pd.Timestamp) -> HouseCondition:
    """Give the house's condition, some seconds old at most."""
    return house.kept("condition", lambda: house_condition(house.settings, house.store, now)).value


class _Figures(Collector):
    """Computes the figures when they are asked for."""

    def __init__(self, house: HouseState) -> None:
        self._house = house

    def describe(self) -> list[GaugeMetricFamily]:
        """Give no figures at registration."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the figures."""
        house, now = self._house, now_utc()
        up = GaugeMetricFamily("utility_meters_store_up", "Whether the store answers.")
        try:
            found = condition_of(house, now)
        except StoreError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        if found.newest_day is not None:
            opening = days.opening(found.newest_day, house.settings.site.zone)
            yield GaugeMetricFamily(
                "utility_meters_newest_day_timestamp_seconds",
                "Opening of the newest computed day.",
                opening.timestamp(),
            )
        age = GaugeMetricFamily(
            "utility_meters_reading_age_seconds", "Time since the newest reading.", labels=["meter_id"]
        )
        for meter_id, at in found.newest_reading.items():
            if at is not None:
                age.add_metric([meter_id], (now - at).total_seconds())
        yield age
        missing = GaugeMetricFamily(
            "utility_meters_missing_days", "Days without a value in the last year.", labels=["meter_id"]
        )
        for meter_id, count in found.missing_days.items():
            missing.add_metric([meter_id], count)
        yield missing
        open_ones = GaugeMetricFamily("utility_meters_open_findings", "Recent findings.", labels=["severity"])
        for severity, count in found.findings.items():
            open_ones.add_metric([severity], count)
        yield open_ones
        yield from self._of_runs(found, now)
        yield from self._of_the_disk()

    def _of_runs(self, found: HouseCondition, now: pd.Timestamp) -> Iterator[GaugeMetricFamily]:
        status = found.status
        if status is None:
            return
        if status.run_ended is not None:
            age = (now - status.run_ended).total_seconds()
            yield GaugeMetricFamily("utility_meters_run_age_seconds", "Time since the last run ended.", age)
            is_good = float(status.run_result == "success" and not status.failed_jobs)
            yield GaugeMetricFamily(
                "utility_meters_runs_succeed", "Whether the last run and all jobs succeeded.", is_good
            )
        if status.backup is not None:
            age = (now - status.backup).total_seconds()
            yield GaugeMetricFamily("utility_meters_backup_age_seconds", "Time since the last good backup.", age)

    def _of_the_disk(self) -> Iterator[GaugeMetricFamily]:
        with suppress(OSError):
            free = shutil.disk_usage(self._house.settings.data_dir).free
            yield GaugeMetricFamily("utility_meters_disk_free_bytes", "Free space of the data folder's disk.", free)

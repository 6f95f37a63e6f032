from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from pydantic import ValidationError

from workflows_dagster.domain.anomalies import AnomalyRule
from workflows_dagster.domain.units import GasFactors
from workflows_dagster.settings.site import Site


def site(**keys: object) -> Site:
    return Site.model_validate(keys)


def schedule(cron: str) -> str:
    return site(workflows={"analytics": {"schedule": cron}}).workflows.analytics.schedule


def test_an_empty_site_works_from_a_fresh_clone():
    fresh = site()
    assert fresh.zone == ZoneInfo("Europe/Berlin")
    assert fresh.storage.backend == "embedded"
    assert (fresh.influxdb.bucket_raw, fresh.influxdb.bucket_processed) == ("lampfi", "lampfi_processed")
    assert fresh.workflows.analytics.start_year == 2020
    assert fresh.gas_conversion == ()


def test_a_short_timeout_is_meant_in_seconds():
    assert site(influxdb={"timeout": 30}).influxdb.timeout == 30_000
    assert site(influxdb={"timeout": 999}).influxdb.timeout == 999_000
    assert site(influxdb={"timeout": 1000}).influxdb.timeout == 1000
    assert site().influxdb.timeout == 30_000


def test_a_single_pair_of_gas_factors_was_always_valid():
    factors = site(gas_conversion={"energy_content": 11.504, "z_factor": 0.8885}).gas_conversion
    assert factors == (GasFactors(date.min, 11.504, 0.8885),)


def test_dated_gas_factors_come_in_the_order_of_their_days():
    later = {"valid_from": "2024-01-01", "energy_content": 11.4, "z_factor": 0.9}
    earlier = {"valid_from": date(2020, 6, 1), "energy_content": 11.5, "z_factor": 0.8}
    assert site(gas_conversion=[later, earlier]).gas_conversion == (
        GasFactors(date(2020, 6, 1), 11.5, 0.8),
        GasFactors(date(2024, 1, 1), 11.4, 0.9),
    )


TAKEN = [
    "* * * * *",
    "0 2 * * *",
    "*/15 6-22/2 1,15 jan-MAR 0-7",
    "5 0 * * mon,FRI",
    "59 23 31 12 7",
    "@daily",
    "0 2 L * *",
    "0 22-2 * * *",
    "0 0 29 2 *",
    "0 0 * * 5#3",
]
NEVER = ["0 0 31 2 *", "0 0 30 2 1", "0 0 30,31 2 *", "0 0 31 4,6 *"]
NONSENSE = [
    "",
    "daily",
    "@reboot",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "*/0 * * * *",
    "1,, * * * *",
    "a * * * *",
    "-1 * * * *",
    "* * * mon *",
    "* * * *",
    "0 0 2 * * 5",
    "٥ * * * *",
]


@pytest.mark.parametrize("cron", TAKEN)
def test_a_schedule_that_dagster_takes_is_taken(cron: str):
    assert schedule(cron) == cron
    # Dagster raises where it does not take one.
    dg.ScheduleDefinition(name="daily", cron_schedule=schedule(cron), target="*")


@pytest.mark.parametrize("cron", NEVER)
def test_a_schedule_that_never_fires_is_refused(cron: str):
    with pytest.raises(ValidationError, match="cron_never"):
        schedule(cron)


@pytest.mark.parametrize("cron", NONSENSE)
def test_what_is_no_schedule_is_refused(cron: str):
    with pytest.raises(ValidationError, match=r"cron_syntax|cron_fields"):
        schedule(cron)


def test_a_level_may_be_written_in_small_letters():
    assert site(logging={"level": "debug"}).logging.level == "DEBUG"


def test_an_address_loses_its_last_slash():
    assert site(influxdb={"url": "http://nas:8086/"}).influxdb.url == "http://nas:8086"


def test_unusual_days_are_judged_robustly_where_nothing_is_said():
    assert site().anomalies.rule == AnomalyRule("robust", AnomalyRule().score)
    assert site(anomalies={"method": "plain"}).anomalies.rule.method == "plain"
    assert site(anomalies={"score": 4}).anomalies.rule.score == 4.0


@pytest.mark.parametrize("anomalies", [{"method": "magic"}, {"score": 1.9}, {"score": 21}, {"score": True}, {"z": 3}])
def test_what_is_no_rule_for_unusual_days_is_refused(anomalies: dict[str, object]):
    with pytest.raises(ValidationError):
        site(anomalies=anomalies)


def test_the_hosts_of_the_page_are_as_a_browser_sends_them():
    hosts = ["NAS.local", "my_nas", "192.168.1.5", "[FE80:0::1]", "häuschen.local", "4nas"]
    assert site(dagster_page={"hosts": hosts}).dagster_page.hosts == (
        "nas.local",
        "my_nas",
        "192.168.1.5",
        "fe80::1",
        "xn--huschen-5wa.local",
        "4nas",
    )
    assert site().dagster_page.hosts == ()

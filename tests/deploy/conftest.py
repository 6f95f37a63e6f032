"""The real InfluxDB of the stores' tests, for those of the deployment."""

from __future__ import annotations

from tests.stores.conftest import influx_server  # noqa: F401

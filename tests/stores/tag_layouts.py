"""Readings under tags that a meter's address does not name, as Home Assistant's options leave them in InfluxDB."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from tests.stores.influx_server import InfluxServer

# Further tags of the reading at a share of the history.
LAYOUTS: dict[str, Callable[[float], str]] = {
    "none": lambda _: "",
    "friendly_name that changes": lambda share: ",friendly_name=" + ("Z", "A\\ b", "Z")[min(int(3 * share), 2)],
    "a tag added": lambda share: ",floor=cellar" if share > 0.5 else "",
    "a tag taken out": lambda share: "" if share > 0.5 else ",floor=cellar",
}


def write_as_home_assistant(
    server: InfluxServer, bucket: str, address: tuple[str, str, str, str], readings: pd.Series, layout: str
) -> None:
    """Write readings in a layout of tags.

    Args:
        server: The server.
        bucket: Where to write.
        address: Measurement, entity, field and domain.
        readings: Values by UTC instant.
        layout: One of `LAYOUTS`.
    """
    measurement, entity_id, field, domain = address
    head = f"{measurement},domain={domain},entity_id={entity_id}"
    times = pd.DatetimeIndex(readings.index).as_unit("us").asi8.tolist()
    lines = [
        f'{head}{LAYOUTS[layout](k / len(times))} {field}={value!r},state="x" {time}'
        for k, (time, value) in enumerate(zip(times, readings.tolist(), strict=True), start=1)
    ]
    for first in range(0, len(lines), 5_000):
        server.lines(bucket, *lines[first : first + 5_000])

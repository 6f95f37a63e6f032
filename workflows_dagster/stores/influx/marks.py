"""Marks months with changed raw readings, for the sensor that searches for changes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from workflows_dagster.stores.frames import Column, Micros, mark_of_months
from workflows_dagster.stores.influx import flux, line_protocol
from workflows_dagster.stores.influx.connection import InfluxConnection
from workflows_dagster.stores.influx.errors import RefusedError
from workflows_dagster.stores.ports import READINGS_CHANGED, WRITING

_PARTLY_STORED = 422


class Marks:
    """Writes marks in one bucket."""

    def __init__(self, connection: InfluxConnection, bucket: str) -> None:
        self._connection, self._bucket = connection, bucket

    @contextmanager
    def around(self, entity_id: str, times: Micros, what: str) -> Iterator[None]:
        """Mark the months of a change before it is written, and again after it is stored.

        The second mark is new even for a poll that has seen the first; after a kill in between, the first mark remains
        and says that the write is unfinished.

        Args:
            entity_id: The entity.
            times: Instants that change, microseconds since 1970 UTC.
            what: Description of the change, for errors.

        Raises:
            StoreError: A mark cannot be written.
        """
        self._set(entity_id, times, WRITING, what)
        yield
        self._set(entity_id, times, "", what)

    def _set(self, entity_id: str, times: Micros, state: str, what: str) -> None:
        if not len(times):
            return
        marks = mark_of_months(times, state + secrets.token_hex(4))
        # The first month opens before the earliest instant of InfluxDB.
        marks = Column(np.maximum(marks.times, flux.EARLIEST), marks.values)
        tags = {"meter_id": entity_id, "unit": "mark"}
        lines = line_protocol.points(READINGS_CHANGED.name, tags, {("mark", "mark"): marks}, marks.times)
        try:
            self._connection.write(lines, self._bucket, what)
        except RefusedError as error:
            # If the bucket's retention drops the mark, it drops the month's days too.
            if error.status != _PARTLY_STORED:
                raise

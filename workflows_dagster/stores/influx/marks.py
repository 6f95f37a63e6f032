"""Marks of the months whose raw readings are being changed, for whoever looks for changed readings."""

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
    """Marks in one bucket."""

    def __init__(self, connection: InfluxConnection, bucket: str) -> None:
        self._connection, self._bucket = connection, bucket

    @contextmanager
    def around(self, entity_id: str, times: Micros, what: str) -> Iterator[None]:
        """Mark the months of a change before it is made, and anew when it is stored.

        A mark that was seen before the change came is followed by another; whoever is killed in between leaves one
        behind that says so.

        Args:
            entity_id: The entity.
            times: Instants that change, microseconds since 1970 UTC.
            what: What is done, for errors.

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
        # The month of the earliest instant that InfluxDB knows opens before it.
        marks = Column(np.maximum(marks.times, flux.EARLIEST), marks.values)
        tags = {"meter_id": entity_id, "unit": "mark"}
        lines = line_protocol.points(READINGS_CHANGED.name, tags, {("mark", "mark"): marks}, marks.times)
        try:
            self._connection.write(lines, self._bucket, what)
        except RefusedError as error:
            # A bucket that does not keep points of so old a month keeps no days of it either.
            if error.status != _PARTLY_STORED:
                raise

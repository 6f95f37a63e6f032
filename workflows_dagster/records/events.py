"""Home Assistant's events, and what each of them changed, in the store."""

from __future__ import annotations

import json
from collections.abc import Collection

import pandas as pd

from workflows_dagster.domain.event_attribution import EVENT_COLUMNS
from workflows_dagster.stores.tagged import EVENT_ENERGY_CORRELATION, HOME_ASSISTANT_EVENTS, TaggedStore


def write_events(store: TaggedStore, events: pd.DataFrame) -> None:
    """Store events as they come. A repeat changes nothing.

    Args:
        store: Where to.
        events: Columns `time` (UTC), `entity_id`, `domain`, `state`, `previous_state` and `attributes`: a mapping of
            those that matter (`brightness`, `percentage`, `hvac_action`, each also with `previous_`), or None.

    Raises:
        StoreError: Not everything was stored.
    """
    texts = [json.dumps(dict(found), sort_keys=True) if found else None for found in events["attributes"]]
    columns = events.loc[:, list(EVENT_COLUMNS[:5])]
    store.add_rows(HOME_ASSISTANT_EVENTS, columns.assign(attributes=pd.Series(texts, columns.index, dtype=object)))


def read_events(
    store: TaggedStore, start: pd.Timestamp, end: pd.Timestamp, domains: Collection[str] | None = None
) -> pd.DataFrame:
    """Read the events in `[start, end)`, of some domains or of all.

    Returns:
        As `write_events` takes them, in order of time and entity.

    Raises:
        StoreError: The store cannot be read.
    """
    found = store.rows(HOME_ASSISTANT_EVENTS, start, end).loc[:, list(EVENT_COLUMNS)]
    if domains is not None:
        found = found[found["domain"].isin(list(domains))].reset_index(drop=True)
    parsed = [json.loads(text) if isinstance(text, str) and text else None for text in found["attributes"]]
    return found.assign(attributes=pd.Series(parsed, found.index, dtype=object))


def write_correlations(store: TaggedStore, start: pd.Timestamp, end: pd.Timestamp, rows: pd.DataFrame) -> None:
    """Replace what the events in `[start, end)` changed.

    Raises:
        StoreError: The range does not read back as given.
    """
    store.replace_rows(EVENT_ENERGY_CORRELATION, start, end, rows)


def add_correlations(store: TaggedStore, rows: pd.DataFrame) -> None:
    """Store what further events changed, beside what is stored.

    Raises:
        StoreError: Not everything was stored.
    """
    store.add_rows(EVENT_ENERGY_CORRELATION, rows)


def read_correlations(
    store: TaggedStore, start: pd.Timestamp, end: pd.Timestamp, entity_id: str | None = None
) -> pd.DataFrame:
    """Read what the events in `[start, end)` changed, of one entity or of all.

    Raises:
        StoreError: The store cannot be read.
    """
    tags = {} if entity_id is None else {"entity_id": entity_id}
    return store.rows(EVENT_ENERGY_CORRELATION, start, end, tags)

"""Converts frame schemas into Dagster's table schemas."""

import dagster as dg

from workflows_dagster.domain.frames import Schema

_TYPES = {"number": "float", "whole": "int", "text": "string", "flag": "bool", "object": "string"}


def table_schema(schema: Schema, unit: str = "meter unit", currency: str = "currency") -> dg.TableSchema:
    """Give the columns with their units.

    Args:
        schema: Of the frame.
        unit: Unit of the meter.
        currency: Currency of the tariffs.
    """
    columns = []
    for name, column in schema.columns.items():
        shown = column.unit.replace("meter unit", unit).replace("currency", currency)
        description = f"{column.meaning} [{shown}]" if shown else column.meaning
        columns.append(dg.TableColumn(name, _TYPES[column.kind], description=description))
    return dg.TableSchema(columns)

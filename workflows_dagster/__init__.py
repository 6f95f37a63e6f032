"""Raw readings of a home's utility meters in, one trustworthy number a meter a day out.

In a notebook: `from workflows_dagster import House; House.open().days("gas_total", "2024")` (docs/how-to/notebook.md).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflows_dagster.services.house import House

__all__ = ["House"]


def __getattr__(name: str) -> Any:
    # Imported on access: every module of the package runs this file first, and most need no pandas.
    if name == "House":
        from workflows_dagster.services.house import House

        return House
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

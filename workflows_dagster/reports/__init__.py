"""Monthly reports, made from the stored days only."""

from workflows_dagster.reports.content import Note
from workflows_dagster.reports.monthly import NoDaysError, Report, monthly_report, write_report

__all__ = ["NoDaysError", "Note", "Report", "monthly_report", "write_report"]

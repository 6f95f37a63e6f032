"""The report as a page: one file that opens by itself, on a phone, on paper and in the dark."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from workflows_dagster.reports import plots, wording
from workflows_dagster.reports.content import Line, MonthContent, Section
from workflows_dagster.reports.lines import MOSTLY
from workflows_dagster.reports.palette import DARK, LIGHT, colours

# From here on a change is printed bold.
_MUCH = 0.25


def render_html(content: MonthContent) -> str:
    """Render the page; all text of the owner's is escaped."""
    template = environment().get_template("month.html")
    drawn = {
        section.utility: (
            Markup(plots.svg(section.months, "months", f"{section.utility}-months")),
            Markup(plots.svg(section.days, "days", f"{section.utility}-days")),
        )
        for section in content.sections
    }
    return template.render(content=content, drawn=drawn) + "\n"


@cache
def environment() -> Environment:
    """Give the templates with escaping on and the report's wording as filters."""
    made = Environment(
        loader=PackageLoader("workflows_dagster.reports"),
        autoescape=lambda name: name is None or name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        amount=wording.amount,
        money=wording.money,
        change=wording.change,
        known_by=wording.known_by,
        is_much=_is_much,
    )
    made.globals.update(light=LIGHT, dark=DARK, colours=colours, has_estimates=_has_estimates, has_gaps=_has_gaps)
    return made


def _is_much(line: Line, change: float | None) -> bool:
    """Tell whether a change is worth bold print: large, and of figures that are known well."""
    well_known = not line.remarks and (line.estimated_share or 0.0) < MOSTLY
    return well_known and change is not None and abs(change) >= _MUCH


def _has_estimates(section: Section) -> bool:
    return any(bar.whole and bar.value and bar.estimated_share for bar in (*section.months.bars, *section.days.bars))


def _has_gaps(section: Section) -> bool:
    return any(bar.value is not None and not bar.whole for bar in section.months.bars)

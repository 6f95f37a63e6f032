"""Renders the report as one self-contained HTML file, for screens, phones, paper and dark mode."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from workflows_dagster.reports import plots
from workflows_dagster.reports.content import Amount, Line, Money, MonthContent, Section
from workflows_dagster.reports.labels import labels_of
from workflows_dagster.reports.lines import MOSTLY, known_to
from workflows_dagster.reports.palette import DARK, LIGHT, colours
from workflows_dagster.wording.report import ReportWords

# A change of at least this much is printed bold.
_MUCH = 0.25


def render_html(content: MonthContent, report: ReportWords) -> str:
    """Render the page; text that the owner wrote is escaped.

    Args:
        content: The report's content.
        report: The reader's language.
    """
    template = environment().get_template("month.html")
    formats = report.words.format
    drawn = {
        section.utility: (
            Markup(plots.svg(section.months, "months", f"{section.utility}-months", formats)),
            Markup(plots.svg(section.days, "days", f"{section.utility}-days", formats)),
        )
        for section in content.sections
    }
    curves = {
        section.utility: Markup(plots.curve_svg(section.curve, f"{section.utility}-year", formats))
        for section in content.sections
        if section.curve is not None
    }
    page = template.render(
        content=content,
        drawn=drawn,
        curves=curves,
        language=report.words.language,
        labels=labels_of(content, report.words),
        amount=lambda quantity: amount_text(quantity, report),
        money=lambda cost: money_text(cost, report),
        change=report.change,
        known_by=lambda line: known_text(line, report),
    )
    return f"{page}\n"


def amount_text(quantity: Amount, report: ReportWords) -> str:
    """Write a quantity with its unit."""
    return report.amount(quantity.value, quantity.unit, quantity.band)


def known_text(line: Line, report: ReportWords) -> str:
    """Write how a line's month is known."""
    return report.known_by(line.estimated_share, known_to(line), line.used.unit)


def money_text(cost: Money | None, report: ReportWords) -> str:
    """Write a cost; one that is not known is a dash."""
    return report.money(cost.value if cost else None, cost.currency if cost else "EUR")


@cache
def environment() -> Environment:
    """Return the template environment with escaping on."""
    made = Environment(
        loader=PackageLoader("workflows_dagster.reports"),
        autoescape=lambda name: name is None or name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(is_much=_is_much)
    made.globals.update(
        light=LIGHT,
        dark=DARK,
        colours=colours,
        has_estimates=_has_estimates,
        has_gaps=_has_gaps,
        has_bold=_has_bold,
        has_bands=_has_bands,
        has_open=_has_open,
    )
    return made


def _is_much(line: Line, change: float | None) -> bool:
    """Tell whether a change is printed bold: it is large, and its figures are mostly measured."""
    well_known = not line.remarks and (line.estimated_share or 0.0) < MOSTLY
    return well_known and change is not None and abs(change) >= _MUCH


def _has_estimates(section: Section) -> bool:
    return any(bar.whole and bar.value and bar.estimated_share for bar in (*section.months.bars, *section.days.bars))


def _has_bands(section: Section) -> bool:
    return any(bar.band is not None for bar in (*section.months.bars, *section.days.bars))


def _has_open(section: Section) -> bool:
    return any(any(line.is_open) for line in section.lines)


def _has_gaps(section: Section) -> bool:
    return any(bar.value is not None and not bar.whole for bar in section.months.bars)


def _has_bold(section: Section) -> bool:
    return any(_is_much(line, change) for line in section.lines for change in (line.month_change, line.year_change))

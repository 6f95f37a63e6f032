"""Renders the report as Markdown for the Dagster page: the same tables, and plots up to a size limit."""

from __future__ import annotations

import base64
import re

from workflows_dagster.reports import plots
from workflows_dagster.reports.content import Line, MonthContent, Section
from workflows_dagster.reports.html import amount_text, known_text, money_text
from workflows_dagster.reports.labels import Labels, labels_of
from workflows_dagster.wording.report import ReportWords

# All pictures of a report together, base64-encoded. [byte]
LARGEST_PICTURES = 180_000
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~$])")


def render_markdown(content: MonthContent, report: ReportWords, *, pictures: bool = True) -> str:
    """Render the report; text that the owner wrote is escaped.

    Args:
        content: The report's content.
        report: The reader's language.
        pictures: Whether to embed the plots as PNG; where all of them exceed `LARGEST_PICTURES`, none is.
    """
    labels = labels_of(content, report.words)
    drawn = [_picture(section, report) for section in content.sections] if pictures else []
    if sum(map(len, drawn)) > LARGEST_PICTURES:
        drawn = []
    parts = [f"# {labels.page}", escaped(content.summary)]
    if content.notes:
        abouts = [f"**{escaped(note.about)}:** " if note.about else "" for note in content.notes]
        notes = [about + escaped(note.sentence) for about, note in zip(abouts, content.notes, strict=True)]
        parts += [f"## {labels.notes}", "\n".join(f"- {note}" for note in notes)]
    for place, section in enumerate(content.sections):
        cost = f", {escaped(money_text(section.headline.cost, report))}" if section.headline.cost else ""
        parts.append(f"## {section.title}: {amount_text(section.headline.used, report)}{cost}")
        if section.sentence:
            parts.append(escaped(section.sentence))
        if section.year:
            parts.append(escaped(section.year))
        parts.append(_table(section, labels, report))
        if drawn:
            parts.append(drawn[place])
    parts += ["---", escaped(content.method), *([escaped(content.credit)] if content.credit else [])]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Escape a text for use within a line of Markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.splitlines()))


def _table(section: Section, labels: Labels, report: ReportWords) -> str:
    with_costs = any(line.cost is not None for line in section.lines)
    head = [labels.meter, labels.used, labels.per_day, labels.month_change, labels.year_change]
    head += [labels.known_by, *([labels.cost] if with_costs else [])]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for line in section.lines:
        cells = [_name(line), amount_text(line.used, report), amount_text(line.per_day, report)]
        cells += [report.change(line.month_change, line.is_open[0]), report.change(line.year_change, line.is_open[1])]
        cells += [known_text(line, report)]
        # A figure such as <0.01 or ~ must not become markup.
        rows.append(
            [cells[0], *map(escaped, cells[1:]), *([escaped(money_text(line.cost, report))] if with_costs else [])]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _name(line: Line) -> str:
    name = escaped(line.name)
    if line.role in ("main", "total"):
        name = f"**{name}**"
    indent = "\N{EM SPACE}" * line.depth
    remarks = f" ({escaped('; '.join(line.remarks))})" if line.remarks else ""
    return f"{indent}{name}{remarks}"


def _picture(section: Section, report: ReportWords) -> str:
    picture = base64.b64encode(plots.png(section, report.words.format)).decode("ascii")
    words = escaped(f"{section.months.description} {section.days.description}")
    return f"![{words}](data:image/png;base64,{picture})"

"""The report as Markdown, for the Dagster page: the same tables, and pictures while they are small."""

from __future__ import annotations

import base64
import re

from workflows_dagster.reports import plots
from workflows_dagster.reports.content import Line, MonthContent, Section
from workflows_dagster.reports.wording import amount, change, known_by, money

# All pictures of a report together, as they stand in the text. [byte]
LARGEST_PICTURES = 180_000
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~$])")


def render_markdown(content: MonthContent, *, pictures: bool = True) -> str:
    """Render the report; what the owner wrote is escaped.

    Args:
        content: What it says.
        pictures: Whether to embed the plots as PNG; where all of them exceed `LARGEST_PICTURES`, none is.
    """
    drawn = [_picture(section) for section in content.sections] if pictures else []
    if sum(map(len, drawn)) > LARGEST_PICTURES:
        drawn = []
    parts = [f"# The house in {content.title}", escaped(content.summary)]
    if content.notes:
        abouts = [f"**{escaped(note.about)}:** " if note.about else "" for note in content.notes]
        notes = [about + escaped(note.sentence) for about, note in zip(abouts, content.notes, strict=True)]
        parts += ["## What you should know", "\n".join(f"- {note}" for note in notes)]
    for place, section in enumerate(content.sections):
        cost = f", {escaped(money(section.headline.cost))}" if section.headline.cost else ""
        parts.append(f"## {section.title}: {amount(section.headline.used)}{cost}")
        if section.sentence:
            parts.append(escaped(section.sentence))
        parts.append(_table(content, section))
        if drawn:
            parts.append(drawn[place])
    parts += ["---", escaped(content.method)]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Make a text stand for itself within a line of Markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.splitlines()))


def _table(content: MonthContent, section: Section) -> str:
    with_costs = any(line.cost is not None for line in section.lines)
    head = ["Meter", "Used", "A day", f"A day against {content.month_before}", f"A day against {content.year_before}"]
    head += ["How it is known", *(["Cost"] if with_costs else [])]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for line in section.lines:
        cells = [_name(line), amount(line.used), amount(line.per_day), change(line.month_change)]
        cells += [change(line.year_change), known_by(line.estimated_share)]
        # A figure such as <0.01 or ~ is no markup either.
        rows.append([cells[0], *map(escaped, cells[1:]), *([escaped(money(line.cost))] if with_costs else [])])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _name(line: Line) -> str:
    name = escaped(line.name)
    if line.role in ("main", "total"):
        name = f"**{name}**"
    indent = "\N{EM SPACE}" * line.depth
    remarks = f" ({escaped('; '.join(line.remarks))})" if line.remarks else ""
    return f"{indent}{name}{remarks}"


def _picture(section: Section) -> str:
    picture = base64.b64encode(plots.png(section)).decode("ascii")
    words = escaped(f"{section.months.description} {section.days.description}")
    return f"![{words}](data:image/png;base64,{picture})"

"""Writes the report's first paragraph: consumption per utility, and how much of it is estimated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from workflows_dagster.domain import months
from workflows_dagster.reports.content import Section
from workflows_dagster.reports.lines import MOSTLY, known_to
from workflows_dagster.wording.report import ReportWords, capitalised


def summary_of(sections: Sequence[Section], month: date, report: ReportWords) -> str:
    """Write the summary.

    Args:
        sections: The utilities that have days in the month.
        month: First civil day of the month.
        report: The reader's language.
    """
    valued = [section for section in sections if section.headline.used.value is not None]
    sentences = [*_amounts(valued, month, report), *_without_total(sections, month, report)]
    sentences += [*_days_so_far(valued, month, report), *_estimated(valued, report)]
    return " ".join(sentences)


def _amounts(sections: Sequence[Section], month: date, report: ReportWords) -> list[str]:
    words = report.words
    used = [section for section in sections if section.utility != "solar" and not section.fed_in]
    solar = [section for section in sections if section.utility == "solar" and not section.fed_in]
    fed_in = [section for section in sections if section.fed_in]
    told, is_first = {}, True
    for section in (*used, *solar, *fed_in):
        ratio = section.headline.year_change
        comparison = ""
        if ratio is not None:
            # Only the first comparison names the month compared with.
            before = words.format.month(months.first_needed(month))
            if section.headline.is_open[1]:
                comparison = report.no_difference(before if is_first else None)
            else:
                comparison = (
                    report.comparison(ratio, "of the day", month=before) if is_first else report.comparison(ratio)
                )
            comparison, is_first = f" ({comparison})", False
        used_amount = section.headline.used
        amount = report.amount(used_amount.value, used_amount.unit, used_amount.band)
        if section not in solar:
            amount = words.say("{amount} of {utility}", amount=amount, utility=report.name(section.utility))
        told[section.utility] = amount + comparison
    listed = {
        name: words.format.listed([told[section.utility] for section in group])
        for name, group in (("used", used), ("solar", solar), ("fed_in", fed_in))
        if group
    }
    parts: list[str] = []
    for name, amounts in listed.items():
        parts.append(_part(name, amounts, None if parts else words.format.month(month), report))
    return [f"{'; '.join(parts)}."] if parts else []


def _part(name: str, amounts: str, month: str | None, report: ReportWords) -> str:
    """Say one part of the sentence; the first one names the month."""
    say = report.words.say
    if name == "used":
        return say("In {month} the house used {amounts}", month=month, amounts=amounts)
    if name == "solar":
        if month is None:
            return say("solar gave {amounts}", amounts=amounts)
        return say("In {month} solar gave {amounts}", month=month, amounts=amounts)
    if month is None:
        return say("{amounts} went into the grid", amounts=amounts)
    return say("In {month} {amounts} went into the grid", month=month, amounts=amounts)


def _without_total(sections: Sequence[Section], month: date, report: ReportWords) -> list[str]:
    """Name the utilities without a total; their single meters may have values."""
    say, name = report.words.say, report.words.format.month(month)
    unknown = [section.utility for section in sections if section.headline.used.value is None]
    if not unknown:
        return []
    if all(line.used.value is None for section in sections for line in section.lines):
        return [say("No values are known of {month}.", month=name)]
    return [say("No total is known of {utilities} in {month}.", utilities=report.names(unknown), month=name)]


def _days_so_far(sections: Sequence[Section], month: date, report: ReportWords) -> list[str]:
    """Name the utilities whose month is incomplete, as while it is running."""
    calendar = months.last_day(month).day
    there = {sum(bar.value is not None for bar in section.days.bars) for section in sections}
    if there <= {calendar}:
        return []
    if len(there) == 1:
        return [
            report.words.say(
                "These are {there} of the month's {calendar} days, so the month is not compared with others.",
                there=there.pop(),
                calendar=calendar,
            )
        ]
    return [report.words.say("Not every meter has a value for every day; such a month is not compared with others.")]


def _estimated(sections: Sequence[Section], report: ReportWords) -> list[str]:
    shares = {
        section.utility: section.headline.estimated_share or 0.0
        for section in sections
        if (section.headline.estimated_share or 0.0) >= MOSTLY and known_to(section.headline) is None
    }
    if not shares:
        return []
    names, least = capitalised(report.names(list(shares))), min(shares.values())
    if least >= 1.0:
        return [
            report.words.say_count(
                "{utilities} is estimated, because the readings lie more than a day apart.",
                "{utilities} are estimated, because the readings lie more than a day apart.",
                len(shares),
                utilities=names,
            )
        ]
    return [
        report.words.say_count(
            "{utilities} is estimated to {share} or more, because the readings lie more than a day apart.",
            "{utilities} are estimated to {share} or more, because the readings lie more than a day apart.",
            len(shares),
            utilities=names,
            share=report.percent(least),
        )
    ]

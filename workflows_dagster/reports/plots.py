"""Draws bar plots of months and days; equal data gives equal bytes. Uses no global matplotlib figures."""

from __future__ import annotations

import io
import re
from datetime import date
from typing import TYPE_CHECKING, Literal

from workflows_dagster.reports.content import Bar, Curve, Section, Series
from workflows_dagster.reports.palette import LIGHT, STAND_INS, Colours, colours, with_variables
from workflows_dagster.wording import Formatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Kind = Literal["months", "days"]

_WIDTH, _HEIGHT = 5.2, 1.95  # [inch]
_FONT, _SMALL = 10.5, 9.5  # [pt]
_BAR = 0.74
_HATCH = "/////"
_PNG_DPI = 100
_HEADROOM = 1.16
_BAND_WIDTH, _BAND_CAP = 1.0, 2.2  # [pt]
# matplotlib numbers these groups from 1 in every picture, so their ids would repeat on one page.
_NUMBERED = re.compile(r' id="(?:figure|axes|patch|matplotlib\.axis|xtick|ytick|line2d|text|LineCollection)_\d+"')
_DRAWING = re.compile(r"<svg\b.*</svg>", re.DOTALL)
_SIZE = re.compile(r'<svg\b[^>]*?\bviewBox="([^"]+)"[^>]*>', re.DOTALL)


def svg(series: Series, kind: Kind, name: str, formats: Formatter) -> str:
    """Draw a plot for the page itself, in the page's font and with its colours as CSS variables.

    Args:
        series: What to draw.
        kind: Months, of which the last one and the one a year before it stand out, or days, which are all alike.
        name: Unique name on the page; ids inside the picture are derived from it.
        formats: Writes the figures and months on the axes.

    Returns:
        One `svg` element without width, height and numbered ids.
    """
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "hatch.linewidth": 0.9}):
        return _written(_drawn(series, kind, STAND_INS, formats))


def _written(figure: Figure) -> str:
    """Write a figure as a bare `svg` element with the page's variables."""
    written = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(written, format="svg", transparent=True, metadata=metadata)
    drawing = _DRAWING.search(written.getvalue())
    assert drawing is not None
    bare = re.sub(r"\s*<metadata>.*?</metadata>", "", drawing.group(), flags=re.DOTALL)
    opened = _SIZE.sub(r'<svg viewBox="\1" role="img" focusable="false">', bare, count=1)
    return with_variables(_NUMBERED.sub("", opened))


def curve_svg(curve: Curve, name: str, formats: Formatter) -> str:
    """Draw a year's curve and last year's beside it, as `svg` does."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    _draw_curve(figure.subplots(), curve, STAND_INS, formats)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        return _written(figure)


def png(section: Section, formats: Formatter) -> bytes:
    """Draw both plots of a utility beside each other, for pages that show pictures only."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2 * _WIDTH, _HEIGHT + 0.2), dpi=_PNG_DPI, layout="constrained")
    written = io.BytesIO()
    with rc_context({"hatch.linewidth": 0.9}):
        paint = colours(LIGHT, section.utility)
        axes = figure.subplots(1, 2)
        pairs: tuple[tuple[Series, Kind], ...] = ((section.months, "months"), (section.days, "days"))
        for place, (series, kind) in zip(axes, pairs, strict=True):
            _draw(place, series, kind, paint, formats)
            place.set_title(series.caption, fontsize=_FONT, color=paint.ink, loc="left")
        figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()


def _drawn(series: Series, kind: Kind, paint: Colours, formats: Formatter) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    _draw(figure.subplots(), series, kind, paint, formats)
    return figure


def _draw(axes: Axes, series: Series, kind: Kind, paint: Colours, formats: Formatter) -> None:
    for place, bar in enumerate(series.bars):
        if bar.value is not None:
            _draw_bar(axes, place, bar, _fill(series, kind, place, paint), paint)
    ends = [end for bar in series.bars if bar.value is not None and bar.band is not None for end in bar.band]
    values = [*(bar.value for bar in series.bars if bar.value is not None), *ends]
    top, bottom = max(values, default=1.0), min(values, default=0.0)
    axes.set_ylim(min(0.0, bottom * _HEADROOM), top * _HEADROOM if top > 0 else 1.0)
    axes.set_xlim(-0.6, len(series.bars) - 0.4)
    axes.set_xticks(*_labels(series, kind, formats))
    _dress(axes, paint, formats)


def _draw_curve(axes: Axes, curve: Curve, paint: Colours, formats: Formatter) -> None:
    for values, colour, width in ((curve.before, paint.mid, 1.4), (curve.this_year, paint.strong, 2.2)):
        reached = [value for value in values if value is not None]
        if not reached:
            continue
        axes.plot(range(1, len(reached) + 1), reached, color=colour, linewidth=width, solid_capstyle="round")
        axes.annotate(
            formats.number(reached[-1], 3),
            (len(reached), reached[-1]),
            xytext=(-2, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=_FONT,
            color=paint.ink if values is curve.this_year else paint.quiet,
        )
    every = [value for value in (*curve.before, *curve.this_year) if value is not None]
    top, bottom = max(every, default=1.0), min(every, default=0.0)
    axes.set_ylim(min(0.0, bottom * _HEADROOM), top * _HEADROOM if top > 0 else 1.0)
    axes.set_xlim(0, 367)
    firsts = [date(curve.first.year, month, 1) for month in range(1, 13, 2)]
    axes.set_xticks([(first - curve.first).days + 1 for first in firsts], [formats.short_month(one) for one in firsts])
    _dress(axes, paint, formats)


def _dress(axes: Axes, paint: Colours, formats: Formatter) -> None:
    """Give a plot its figures on the axes and its grid."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, min_n_ticks=2))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: formats.number(value, 10)))
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=paint.rule, linewidth=0.7)
    axes.tick_params(axis="both", length=0, labelsize=_SMALL, labelcolor=paint.quiet)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(paint.quiet)
        spine.set_linewidth(0.8)


def _draw_bar(axes: Axes, place: int, bar: Bar, fill: str, paint: Colours) -> None:
    value = bar.value or 0.0
    estimated = value * min(max(bar.estimated_share, 0.0), 1.0)
    line = paint.line if fill == paint.soft else fill
    if not bar.whole:
        # Incomplete month: outline only, since the bar is not the month's sum.
        axes.bar(place, value, _BAR, facecolor="none", edgecolor=line, linewidth=0.9, linestyle=(0, (2, 1.5)))
    else:
        axes.bar(place, value - estimated, _BAR, color=fill, linewidth=0)
        if estimated:
            base = value - estimated
            axes.bar(place, estimated, _BAR, base, facecolor="none", edgecolor=line, linewidth=0.9, hatch=_HATCH)
    top = value
    if bar.band is not None:
        lower, top = min(bar.band[0], value), max(bar.band[1], value)
        axes.errorbar(
            place,
            value,
            yerr=[[value - lower], [top - value]],
            fmt="none",
            ecolor=paint.quiet,
            elinewidth=_BAND_WIDTH,
            capsize=_BAND_CAP,
            capthick=_BAND_WIDTH,
        )
    if bar.label:
        axes.annotate(
            bar.label,
            (place, top),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=_FONT,
            color=paint.ink,
        )


def _fill(series: Series, kind: Kind, place: int, paint: Colours) -> str:
    if kind == "days" or place == len(series.bars) - 1:
        return paint.strong
    return paint.mid if place == 0 else paint.soft


def _labels(series: Series, kind: Kind, formats: Formatter) -> tuple[list[int], list[str]]:
    if kind == "days":
        weekly = list(range(0, len(series.bars), 7))
        return weekly, [str(series.bars[place].first.day) for place in weekly]
    labels = []
    for place, bar in enumerate(series.bars):
        year = f"\n{bar.first.year}" if place == 0 or bar.first.month == 1 else ""
        labels.append(formats.short_month(bar.first) + year)
    return list(range(len(labels))), labels

"""Colours: one accent per utility, and the shades mixed from it for light and dark backgrounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from workflows_dagster.settings.utilities import Utility

_MID, _LINE, _SOFT = 0.58, 0.42, 0.26


@dataclass(frozen=True)
class Theme:
    """Colours of the page, as `#rrggbb`.

    Attributes:
        paper: Background.
        ink: Text.
        quiet: Lesser text.
        rule: Lines.
        accents: Colour of each utility.
    """

    paper: str
    ink: str
    quiet: str
    rule: str
    accents: Mapping[Utility, str]


@dataclass(frozen=True)
class Colours:
    """Colours of one plot: `#rrggbb`, or whatever the page replaces them with.

    Attributes:
        strong: The bar that the page is about.
        mid: The bar that it is compared with.
        soft: All other bars.
        line: Hatching of the others.
        quiet: Figures on the axes.
        rule: Grid.
        ink: Figures above the bars.
    """

    strong: str
    mid: str
    soft: str
    line: str
    quiet: str
    rule: str
    ink: str


LIGHT = Theme(
    paper="#ffffff",
    ink="#20262c",
    quiet="#5c656e",
    rule="#d9dde1",
    accents={
        "electricity": "#b4570c",
        "gas": "#54589f",
        "water": "#14748a",
        "heat": "#b23a44",
        "solar": "#8f7200",
    },
)
DARK = Theme(
    paper="#15181c",
    ink="#e7e8e6",
    quiet="#a2abb3",
    rule="#343b42",
    accents={
        "electricity": "#e9a15a",
        "gas": "#a4a8ec",
        "water": "#62bfd3",
        "heat": "#ee8b8f",
        "solar": "#dcc04f",
    },
)
# Placeholder colours that no theme has; each is replaced by the CSS variable of its name.
STAND_INS = Colours("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05", "#0a0b06", "#0a0b07")
VARIABLES = Colours(
    "var(--accent)", "var(--mid)", "var(--soft)", "var(--line)", "var(--quiet)", "var(--rule)", "var(--ink)"
)


def colours(theme: Theme, utility: Utility) -> Colours:
    """Mix a utility's colours for the paper of a theme."""
    accent = theme.accents[utility]
    return Colours(
        strong=accent,
        mid=_mixed(accent, theme.paper, _MID),
        soft=_mixed(accent, theme.paper, _SOFT),
        line=_mixed(accent, theme.paper, _LINE),
        quiet=theme.quiet,
        rule=theme.rule,
        ink=theme.ink,
    )


def with_variables(svg: str) -> str:
    """Replace the placeholder colours with the page's CSS variables."""
    for colour, variable in zip(astuple(STAND_INS), astuple(VARIABLES), strict=True):
        svg = svg.replace(colour, variable)
    return svg


def _mixed(colour: str, paper: str, share: float) -> str:
    parts = [round(share * int(colour[k : k + 2], 16) + (1 - share) * int(paper[k : k + 2], 16)) for k in (1, 3, 5)]
    return "#" + "".join(f"{part:02x}" for part in parts)

"""The monthly report's colours as CSS variables."""

from __future__ import annotations

from functools import cache

from workflows_dagster.reports.palette import DARK, LIGHT, Theme, colours

# Beside the report's: focus, errors, what went well, a background a little off the paper.
_FURTHER = {
    "light": {"focus": "#1a5fb4", "grave": "#a51d2d", "good": "#26734d", "soft-paper": "#f3f4f5", "hatch": "#d9dde1"},
    "dark": {"focus": "#99c1f1", "grave": "#ff938a", "good": "#8ff0a4", "soft-paper": "#21262c", "hatch": "#343b42"},
}


@cache
def style_variables() -> str:
    """Write the variables, for light and for dark screens."""
    return f"{_theme(LIGHT, 'light')}@media (prefers-color-scheme: dark) {{\n{_theme(DARK, 'dark')}}}\n"


def _theme(theme: Theme, name: str) -> str:
    basic = {"paper": theme.paper, "ink": theme.ink, "quiet": theme.quiet, "rule": theme.rule, "accent": theme.ink}
    lines = [_rule(":root", basic | _FURTHER[name])]
    for utility in theme.accents:
        mixed = colours(theme, utility)
        lines.append(_rule(f".{utility}", {"accent": mixed.strong, "mid": mixed.mid, "soft": mixed.soft}))
    return "".join(f"{line}\n" for line in lines)


def _rule(selector: str, variables: dict[str, str]) -> str:
    return f"{selector} {{ " + " ".join(f"--{name}: {value};" for name, value in variables.items()) + " }"

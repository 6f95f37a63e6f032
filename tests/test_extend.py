"""The worked examples of docs/how-to/extend.md: applied to a copy of the package, and run there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "how-to" / "extend.md"
_BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(chapter: str) -> list[tuple[str, str, str]]:
    """Language, file and text of each block of a chapter."""
    return [(language, file, text) for language, file, text in _BLOCK.findall(chapter)]


def apply_to(folder: Path, file: str, diff: str) -> None:
    """Apply one hunk: its old lines stand in the file exactly once."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    text = (folder / file).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file} does not hold these lines once any more; correct {PAGE.name}:\n{old}"
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")


def test_the_worked_examples_work_as_they_are_written(tmp_path):
    shutil.copytree(
        ROOT / "workflows_dagster", tmp_path / "workflows_dagster", ignore=shutil.ignore_patterns("__pycache__")
    )
    program = ["import workflows_dagster", f"assert workflows_dagster.__file__.startswith({str(tmp_path)!r})"]
    for chapter in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        runs = 0
        for language, file, text in blocks(chapter):
            if language == "diff":
                apply_to(tmp_path, file, text)
            elif file:
                (tmp_path / file).write_text(text, encoding="utf-8")
            else:
                program.append(f"exec(compile({text!r}, {chapter.splitlines()[0]!r}, 'exec'), {{}})")
                runs += 1
        assert runs, chapter.splitlines()[0]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-W", "error", "-c", "\n".join(program)]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

"""A stand-in for pip: it installs the given source folder; the rest are packages of the environment around it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

SCRIPTS = ("dagster", "dagster-webserver", "dagster-daemon")


def main(words: list[str]) -> None:
    source = Path(words[-1])
    (source / "pip.arguments").write_text("\n".join(words), encoding="utf-8")
    site, scripts = Path(sysconfig.get_path("purelib")), Path(sys.prefix) / "bin"
    shutil.copytree(source / "workflows_dagster", site / "workflows_dagster")
    if (site / "workflows_dagster" / "small_program.py").exists():
        for name in ("meters", *SCRIPTS):
            write_script(scripts / name, f'from workflows_dagster.small_program import main\nmain("{name}")\n')
        return
    question = "import sysconfig; print(sysconfig.get_path('purelib')); print(sysconfig.get_path('scripts'))"
    found = subprocess.check_output([os.environ["UNDERLYING_PYTHON"], "-c", question], text=True).split()
    (site / "underlying.pth").write_text(found[0], encoding="utf-8")
    write_script(scripts / "meters", "from workflows_dagster.cli import main\nmain()\n")
    for name in SCRIPTS:
        text = (Path(found[1]) / name).read_text(encoding="utf-8")
        write_script(scripts / name, text.split("\n", 1)[1])


def write_script(path: Path, text: str) -> None:
    path.write_text(f"#!{sys.prefix}/bin/python\n{text}", encoding="utf-8")
    path.chmod(0o755)


main(sys.argv[1:])

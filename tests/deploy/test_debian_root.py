"""The whole way in a Debian 12 made by debootstrap: real account, real pip, real program. Only when asked for.

    METERS_TEST_DEBOOTSTRAP=1 pytest tests/deploy/test_debian_root.py

It takes minutes, root, debootstrap and the network. systemd does not run in a chroot; its stand-in starts the units'
commands, as the account that the units name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.installation import ROOT, STAND_INS, free_port

SHIPPED = (
    "CHANGELOG.md", "Makefile", "README.md", "config", "constraints.txt", "deploy", "docs", "pyproject.toml", "secrets",
    "workflows_dagster",
)  # fmt: skip
INSIDE = r"""
set -euo pipefail
export PIP_CERT=/etc/ssl/certs/ca-certificates.crt
look() { find /opt/utility-meters /etc /usr/local ! -path '*/__pycache__*' -printf '%p %T@ %m %u %g %s %l\n' | sort; }
says() { echo "$1: $(eval "$2")"; }
timed() { local begun=$SECONDS code=0; "$@" || code=$?; echo "seconds of $*: $((SECONDS - begun))"; return $code; }
page() {
    python3 -I -S /root/house/deploy/install/page_answers.py 127.0.0.1 "$PAGE_PORT" never && echo answers || echo silent
}
cd /root/house

timed make install-dagster
says "page after install" page
says "owner of state" 'stat -c "%U:%G %a" /var/lib/utility-meters'
says "owner of secrets" 'stat -c "%U:%G %a" /etc/utility-meters/secrets'
says "owner of a secret" 'stat -c "%U:%G %a" /etc/utility-meters/secrets/influxdb.env.example'
says "owner of config" 'stat -c "%U:%G %a" /etc/utility-meters/config.yaml'
says "owner of program" 'stat -c "%U:%G %a" /opt/utility-meters/current/'
says "account of the page" 'stat -c %U /proc/$(cat /run/systemd/system/utility-meters-webserver.service.pid)'

look >/root/before
timed make install-dagster
look >/root/after
says "changed by the second installation" 'diff /root/before /root/after | wc -l'

sed -i 's/^version = .*/version = "9.9.9"/' pyproject.toml
timed make update-dagster
says "page after update" page
says "version" 'meters --version'
says "backups" 'ls /var/lib/utility-meters/backups/before-update | wc -l'

echo 'raise RuntimeError("on purpose")' >>workflows_dagster/definitions.py
sed -i 's/^version = .*/version = "9.9.10"/' pyproject.toml
timed make update-dagster || says "broken update" 'echo refused'
says "page after the broken update" page
says "version after the broken update" 'meters --version'

timed make uninstall-dagster
left() { ls -d /opt/utility-meters /etc/utility-meters/config.yaml /var/lib/utility-meters 2>/dev/null || :; }
says "left" 'left | tr "\n" " "'
timed make uninstall-dagster PURGE=1
says "left after purge" 'left | wc -l'
says "account after purge" 'getent passwd utility-meters | wc -l'
"""


@pytest.mark.skipif(
    not os.environ.get("METERS_TEST_DEBOOTSTRAP"), reason="takes minutes: set METERS_TEST_DEBOOTSTRAP=1"
)
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("debootstrap"), reason="needs root and debootstrap")
def test_a_fresh_debian_is_installed_updated_taken_back_and_cleared(tmp_path: Path) -> None:
    root = tmp_path / "debian"
    packages = "ca-certificates,make,python3"
    subprocess.run(["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", root], check=True)
    house = root / "root/house"
    house.mkdir()
    for name in SHIPPED:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__", "*.env")
        if source.is_dir():
            shutil.copytree(source, house / name, ignore=ignored)
        else:
            shutil.copy(source, house / name)
    # Left out with the owner's own .env files, but it is ours.
    shutil.copy(ROOT / "deploy/install/service.env", house / "deploy/install/service.env")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs/ca-certificates.crt")
    shutil.copy(STAND_INS / "systemctl", root / "usr/local/sbin/systemctl")
    page = free_port()
    (root / "etc/utility-meters").mkdir()
    (root / "etc/utility-meters/service.env").write_text(f"METERS_PAGE_PORT={page}\nMETERS_CODE_PORT={free_port()}\n")
    (root / "root/inside.sh").write_text(INSIDE)

    mounts = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs run "$0/run"'
    begin = f'{mounts} && mkdir -p "$0/run/systemd/system" && exec chroot "$0" /usr/bin/env -i "$@"'
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    found = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--", "sh", "-c", begin, root, path, "HOME=/root",
         "LANG=C.UTF-8", f"PAGE_PORT={page}", "bash", "/root/inside.sh"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(found.stdout, found.stderr)

    assert found.returncode == 0
    said = dict(line.split(": ", 1) for line in found.stdout.splitlines() if ": " in line)
    expected = {
        "page after install": "answers",
        "owner of state": "utility-meters:utility-meters 750",
        "owner of secrets": "utility-meters:utility-meters 700",
        "owner of a secret": "utility-meters:utility-meters 600",
        "owner of config": "root:utility-meters 640",
        "owner of program": "root:root 755",
        "account of the page": "utility-meters",
        "changed by the second installation": "0",
        "page after update": "answers",
        "version": "meters, version 9.9.9",
        "backups": "1",
        "broken update": "refused",
        "page after the broken update": "answers",
        "version after the broken update": "meters, version 9.9.9",
        "left": "/etc/utility-meters/config.yaml /var/lib/utility-meters ",
        "left after purge": "0",
        "account after purge": "0",
    }
    assert {key: said.get(key) for key in expected} == expected

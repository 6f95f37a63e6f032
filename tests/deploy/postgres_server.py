"""A real PostgreSQL in a folder and on a port of its own, for tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.stores.influx_server import free_port

USER, DATABASE = "owner", "dagster"
# Characters that an address must not take for its own.
PASSWORD = "p@ss:w#rd %1"
# PostgreSQL refuses to run as root; Debian's package brings this account.
_ACCOUNT = "postgres"


def missing() -> str | None:
    """Say what is missing to run a server here, or None."""
    for program in ("initdb", "pg_ctl", "psql"):
        if shutil.which(program) is None:
            return f"no {program} on the PATH: put PostgreSQL's programs there to run this against a real server"
    if os.geteuid() == 0 and _account() is None:
        return f"PostgreSQL does not run as root, and there is no account '{_ACCOUNT}'"
    return None


def _account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_ACCOUNT)
    except KeyError:
        return None


class PostgresServer:
    """One server with an empty database."""

    def __init__(self, *, durable: bool = False) -> None:
        # Not below pytest's folders, which only their owner may enter.
        self._folder = Path(tempfile.mkdtemp(prefix="pg"))
        self._account = _account() if os.geteuid() == 0 else None
        self._durable = durable
        self.port = free_port()

    @property
    def environment(self) -> dict[str, str]:
        """What deploy/dagster.postgres.yaml asks for."""
        return {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(self.port),
            "DAGSTER_PG_USERNAME": USER,
            "DAGSTER_PG_PASSWORD": PASSWORD,
            "DAGSTER_PG_DB": DATABASE,
        }

    def start(self) -> None:
        """Make the cluster, start it and make the database."""
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if self._account is not None:
            for path in (self._folder, password):
                os.chown(path, self._account.pw_uid, self._account.pw_gid)
        places = ["-D", str(self._folder / "data")]
        secured = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={password}"]
        self._run("initdb", *places, "--no-sync", "--encoding=UTF8", "--locale=C", *secured)
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1"
        options += "" if self._durable else " -c fsync=off -c synchronous_commit=off"
        self._run("pg_ctl", *places, "-w", "-l", str(self._folder / "log"), "-o", options, "start")
        self.ask(f"CREATE DATABASE {DATABASE}", "postgres")

    def ask(self, statement: str, database: str = DATABASE) -> str:
        """Give the first column of the answer's first row."""
        return self._run(
            "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database, "-qtAc", statement
        ).strip()

    def commits(self) -> int:
        """Give how many transactions were committed so far."""
        self.ask("SELECT pg_stat_force_next_flush()")
        return int(self.ask(f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{DATABASE}'"))

    def close(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> str:
        path = shutil.which(program)
        assert path is not None, program
        account = self._account
        # To a file: a server that stays would hold a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            code = subprocess.run(
                [path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD, "LC_ALL": "C"},
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                timeout=60,
                check=False,
            ).returncode
            output.seek(0)
            printed = output.read()
        assert code == 0, f"{program}: {printed[-2000:]}"
        return printed

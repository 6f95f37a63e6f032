"""Write what `make configure` is told into the installed configuration: all of it, or nothing.

The answers come from the environment (configure.sh lists the names) or, where there is a terminal and none is given,
from questions. What results is first written aside and checked by `meters check`, as the service would read it; only
then each file is replaced, by a rename. Runs with the packages of the installed release.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from zoneinfo import available_timezones

import yaml
from dotenv import dotenv_values

NAMES = (
    "METERS_BACKEND",
    "METERS_TIMEZONE",
    "INFLUX_URL",
    "INFLUX_ORG",
    "INFLUX_TOKEN",
    "INFLUX_TOKEN_FILE",
    "HOUSE_TOKEN",
    "HOUSE_TOKEN_FILE",
    "METERS_HOUSE_HOST",
    "METERS_HOUSE_PORT",
    "METERS_PAGE_HOST",
    "METERS_PAGE_PORT",
)
_LISTENING = ("METERS_HOUSE", "METERS_PAGE")
BACKENDS = ("embedded", "influxdb")
_STAGED = ".configure."
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
_TOKEN_BYTES = 16
# Where each answer goes in config.yaml.
_KEYS = {
    "METERS_TIMEZONE": ("timezone",),
    "METERS_BACKEND": ("storage", "backend"),
    "INFLUX_URL": ("influxdb", "url"),
}


class AnswerError(ValueError):
    """An answer cannot be used; the text says why and what to do, and never holds a secret."""


@dataclass
class Answers:
    """What is to be written, by file.

    Attributes:
        config: Values of config.yaml by their path of keys.
        service: Variables of service.env.
        secrets: Variables of the files of secrets, by the name of the file.
    """

    config: dict[tuple[str, ...], str] = field(default_factory=dict)
    service: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)


def sorted_answers(given: Mapping[str, str]) -> Answers:
    """Check each answer for itself and say which file it belongs to.

    Raises:
        AnswerError: One cannot be used.
    """
    answers = Answers()
    backend, zone, url = given.get("METERS_BACKEND"), given.get("METERS_TIMEZONE"), given.get("INFLUX_URL")
    if backend is not None and backend not in BACKENDS:
        raise AnswerError(f"METERS_BACKEND: '{backend}' is no backend. Use one of: {', '.join(BACKENDS)}.")
    if zone is not None and zone not in available_timezones():
        raise AnswerError(f"METERS_TIMEZONE: no time zone '{zone}'. Use an IANA name, such as Europe/Berlin.")
    if url is not None and not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", url):
        raise AnswerError("INFLUX_URL: not an address of the form http://host:8086. Correct it.")
    for name, keys in _KEYS.items():
        if (value := given.get(name)) is not None:
            answers.config[keys] = value
    for prefix in _LISTENING:
        answers.service |= _listening(given, prefix)
    influx = {"INFLUX_ORG": given.get("INFLUX_ORG"), "INFLUX_TOKEN": _token(given, "INFLUX_TOKEN")}
    for file, values in (("influxdb.env", influx), ("house.env", {"HOUSE_TOKEN": _token(given, "HOUSE_TOKEN")})):
        given_here = {name: value for name, value in values.items() if value is not None}
        for name, value in given_here.items():
            if not value.isprintable() or not value:
                raise AnswerError(
                    f"{name}: the value ({len(value)} characters) is empty or holds a line break. Give it whole."
                )
        if given_here:
            answers.secrets[file] = given_here
    return answers


def _listening(given: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Give the host and port of a page, as far as they are given."""
    found = {}
    if (port := given.get(f"{prefix}_PORT")) is not None:
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise AnswerError(f"{prefix}_PORT: '{port}' is no port. Use a number from 1 to 65535.")
        found[f"{prefix}_PORT"] = port
    if (host := given.get(f"{prefix}_HOST")) is not None:
        if not re.fullmatch(r"[0-9A-Za-z.:-]+", host):
            raise AnswerError(f"{prefix}_HOST: '{host}' is no address. Use 127.0.0.1, 0.0.0.0, or one of this machine.")
        found[f"{prefix}_HOST"] = host
    return found


def with_token(answers: Answers, secrets_dir: Path) -> Answers:
    """Make a token where the house page is to listen beyond this machine and there is none."""
    host = answers.service.get("METERS_HOUSE_HOST", "127.0.0.1")
    there = dotenv_values(secrets_dir / "house.env", interpolate=False).get("HOUSE_TOKEN")
    if host not in _THIS_MACHINE and not there and "house.env" not in answers.secrets:
        answers.secrets["house.env"] = {"HOUSE_TOKEN": token_hex(_TOKEN_BYTES)}
        print("A token for the house page was made: secrets/house.env.")
    return answers


def _token(given: Mapping[str, str], name: str) -> str | None:
    if name in given:
        return given[name].strip()
    if f"{name}_FILE" not in given:
        return None
    path = Path(given[f"{name}_FILE"])
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AnswerError(f"{name}_FILE: {path} cannot be read ({type(error).__name__}). Correct the path.") from None


def asked(
    config: Mapping[str, object], service: Mapping[str, str | None], ask: Callable[[str, str], str]
) -> dict[str, str]:
    """Ask for what can be set; an empty answer keeps what is there.

    Args:
        config: config.yaml as it is.
        service: service.env as it is.
        ask: Shows a question and what is there, and returns the answer.

    Returns:
        Answers by the names of the variables, without those that keep what is there.
    """
    storage, influx = config.get("storage"), config.get("influxdb")
    old_backend = str(storage.get("backend", "embedded")) if isinstance(storage, dict) else "embedded"
    old_url = str(influx.get("url", "")) if isinstance(influx, dict) else ""
    given = {"METERS_TIMEZONE": ask("Time zone", str(config.get("timezone", "Europe/Berlin")))}
    given["METERS_BACKEND"] = ask("Store (embedded, influxdb)", old_backend)
    if (given["METERS_BACKEND"] or old_backend) == "influxdb":
        given["INFLUX_URL"] = ask("Address of InfluxDB", old_url or "http://localhost:8086")
        given["INFLUX_ORG"] = ask("Its organisation", "as it is")
        given["INFLUX_TOKEN"] = getpass.getpass("Its token (not shown) [as it is]: ")
    for prefix, page in zip(_LISTENING, ("The house page", "Dagster's page"), strict=True):
        there = service.get(f"{prefix}_HOST") or "127.0.0.1"
        given[f"{prefix}_HOST"] = ask(f"{page} listens on (127.0.0.1: this machine alone)", there)
    given["HOUSE_TOKEN"] = getpass.getpass("The house page's token (not shown) [as it is]: ")
    return {name: value.strip() for name, value in given.items() if value.strip()}


def with_values(text: str, values: Mapping[tuple[str, ...], str]) -> str:
    """Set scalars in the text of a YAML file, and leave every other line as its owner wrote it.

    Args:
        text: The file; what is set stands in block style.
        values: Strings by their path of one or two keys.

    Raises:
        AnswerError: The file is written in a way that this cannot edit.
    """
    wanted = yaml.safe_load(text) or {}
    for keys, value in values.items():
        place = wanted
        for key in keys[:-1]:
            place[key] = place.get(key) or {}
            place = place[key]
        if place.get(keys[-1]) == value:
            continue
        place[keys[-1]] = value
        text = _with_value(text, keys, value)
    try:
        good = (yaml.safe_load(text) or {}) == wanted
    except yaml.YAMLError:
        good = False
    if not good:
        names = " and ".join(".".join(keys) for keys in values)
        raise AnswerError(f"config.yaml: it is written in a way that cannot be edited from here. Set {names} by hand.")
    return text


def _with_value(text: str, keys: tuple[str, ...], value: str) -> str:
    lines = text.splitlines()
    start, end, indent = 0, len(lines), ""
    there = yaml.safe_load(text) or {}
    if len(keys) == 2:
        heads = [n for n, line in enumerate(lines) if re.match(rf"{re.escape(keys[0])}\s*:\s*(#.*)?$", line)]
        # Written in another way: a second key of the name would hide the first, so the line is not touched.
        if not heads and keys[0] in there:
            return text
        if not heads:
            return "\n".join([*lines, f"{keys[0]}:", f"  {keys[1]}: {_scalar(value)}", ""])
        start = heads[0] + 1
        end = next((n for n in range(start, end) if re.match(r"[^\s#]", lines[n])), end)
        inside = [re.match(r"\s+", line) for line in lines[start:end] if re.match(r"\s+[^\s#]", line)]
        indent = inside[0].group() if inside and inside[0] else "  "
    for number in range(start, end):
        found = re.match(rf"({indent}{re.escape(keys[-1])}\s*:)[^#]*?(\s+#.*)?$", lines[number])
        if found:
            lines[number] = f"{found[1]} {_scalar(value)}{found[2] or ''}"
            break
    else:
        section = there if len(keys) == 1 else there[keys[0]] or {}
        if keys[-1] in section:
            return text
        lines.insert(start, f"{indent}{keys[-1]}: {_scalar(value)}")
    return "\n".join(lines) + "\n"


def _scalar(value: str) -> str:
    return str(yaml.safe_dump(value, allow_unicode=True, width=10_000)).removesuffix("\n").removesuffix("\n...")


def with_variables(text: str, values: Mapping[str, str], *, quoted: bool) -> str:
    """Set variables in the text of an environment file, in place of a line that sets or outlines them.

    Args:
        text: The file.
        values: Values by name.
        quoted: In single quotes, as python-dotenv reads them; else bare, for systemd.
    """
    lines = text.splitlines()
    for name, value in values.items():
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        line = f"{name}='{escaped}'" if quoted else f"{name}={value}"
        set_here = [n for n, old in enumerate(lines) if re.match(rf"\s*(export\s+)?{name}\s*=", old)]
        outlined = [n for n, old in enumerate(lines) if re.match(rf"#\s*{name}\s*=", old)]
        if set_here:
            lines[set_here[-1]] = line
            for number in reversed(set_here[:-1]):
                del lines[number]
        elif outlined:
            lines[outlined[0]] = line
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


class House:
    """The installed configuration and who may read it."""

    def __init__(self, config: Path, state: Path, owner: tuple[int, int]) -> None:
        self.config, self.state, self.owner = config, state, owner
        self.is_root = os.geteuid() == 0

    def write(self, answers: Answers) -> None:
        """Write the answers, if what results is good.

        Raises:
            AnswerError: It is not.
        """
        for left in self.config.glob(f"{_STAGED}*"):
            shutil.rmtree(left)
        staged = Path(tempfile.mkdtemp(prefix=_STAGED, dir=self.config))
        try:
            self._stage(staged, answers)
            self._check(staged)
            # The token before the setting that needs it: cut off in between, the old setting still works.
            for name in answers.secrets:
                self._replace(staged / "secrets" / name, self.config / "secrets" / name)
            for name, wanted in (("service.env", answers.service), ("config.yaml", answers.config)):
                if wanted:
                    self._replace(staged / "config" / name, self.config / name)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _stage(self, staged: Path, answers: Answers) -> None:
        (staged / "config").mkdir()
        # Links stay links: root would follow one to a file that is not the service's, and hand out what is in it.
        shutil.copytree(self.config / "secrets", staged / "secrets", symlinks=True)
        for path in self.config.glob("*"):
            if path.is_file():
                shutil.copy2(path, staged / "config" / path.name)
        config = staged / "config" / "config.yaml"
        config.write_text(with_values(config.read_text(encoding="utf-8"), answers.config), encoding="utf-8")
        service = staged / "config" / "service.env"
        text = service.read_text(encoding="utf-8") if service.exists() else ""
        service.write_text(with_variables(text, answers.service, quoted=False), encoding="utf-8")
        for file, values in answers.secrets.items():
            secret = staged / "secrets" / file
            if secret.is_symlink():
                raise AnswerError(f"secrets/{file}: it is a link to {secret.readlink()}. Write the values there.")
            text = secret.read_text(encoding="utf-8") if secret.exists() else ""
            secret.write_text(with_variables(text, values, quoted=True), encoding="utf-8")
            if any(dotenv_values(secret, interpolate=False).get(name) != value for name, value in values.items()):
                raise AnswerError(
                    f"secrets/{file}: the values cannot be written so that they read back. Write them by hand."
                )
        for path in (staged, *staged.rglob("*")):
            if path.is_symlink():
                continue
            path.chmod(0o700 if path.is_dir() else 0o600)
            if self.is_root:
                os.chown(path, *self.owner)

    def _check(self, staged: Path) -> None:
        environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.state),
            "METERS_CONFIG_DIR": str(staged / "config"),
            "METERS_SECRETS_DIR": str(staged / "secrets"),
            # Empty ones: to check is not to touch the data.
            "METERS_DATA_DIR": str(staged / "data"),
            "DAGSTER_HOME": str(staged / "data" / "dagster_home"),
        }
        command = [str(Path(sys.executable).with_name("meters")), "check"]
        if self.is_root:
            uid, gid = self.owner
            found = subprocess.run(
                command, env=environ, cwd=self.state, capture_output=True, text=True, check=False,
                user=uid, group=gid, extra_groups=[],
            )  # fmt: skip
        else:
            found = subprocess.run(command, env=environ, cwd=self.state, capture_output=True, text=True, check=False)
        if found.returncode:
            raise AnswerError(
                f"{found.stderr.strip()[-3000:]}\nThe configuration would not be good (above); nothing was changed."
            )

    def _replace(self, staged: Path, live: Path) -> None:
        """Put a staged file in the place of the live one, with its owner and mode; a new secret is the service's."""
        try:
            before = live.stat()
            owner, mode = (before.st_uid, before.st_gid), before.st_mode & 0o777
        except FileNotFoundError:
            owner, mode = (self.owner, 0o600) if live.parent != self.config else ((0, self.owner[1]), 0o640)
        if live.exists() and live.read_bytes() == staged.read_bytes():
            return
        if self.is_root:
            os.chown(staged, *owner)
        staged.chmod(mode)
        with staged.open("rb") as stream:
            os.fsync(stream.fileno())
        staged.replace(live.resolve())


def _ask(question: str, there: str) -> str:
    return input(f"{question} [{there}]: ")


def main() -> int:
    """Take the answers and write them; 2 and a sentence when they cannot be used."""
    environ = os.environ
    config = Path(environ["METERS_CONFIG"])
    owner = (int(environ["METERS_UID"]), int(environ["METERS_GID"]))
    given = {name: environ[name] for name in NAMES if environ.get(name)}
    try:
        if not given:
            if not sys.stdin.isatty():
                raise AnswerError(f"configure: there is no terminal to ask at. Set one or more of: {', '.join(NAMES)}.")
            written = yaml.safe_load((config / "config.yaml").read_text(encoding="utf-8")) or {}
            given = asked(written, dotenv_values(config / "service.env"), _ask)
        answers = with_token(sorted_answers(given), config / "secrets")
        House(config, Path(environ["METERS_STATE"]), owner).write(answers)
    except (AnswerError, yaml.YAMLError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: cannot be written ({error.strerror}). Correct its owner or mode.", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("\nNothing was changed.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())

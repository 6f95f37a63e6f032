"""A backup file: a gzipped tar of databases and configuration, and a manifest that says what must be in it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from workflows_dagster.maintenance.problems import UpkeepError

FORMAT = 1
MANIFEST = "manifest.json"
# What a part is restored to.
CONFIG, DATA, HOME = "config", "data", "home"
PARTS = (CONFIG, DATA, HOME)

_BLOCK = 1 << 20
_BROKEN = (tarfile.TarError, EOFError, zlib.error, OSError)


class Member(BaseModel):
    """One file of a backup.

    Attributes:
        sha256: Digest of its content.
        bytes: Its size. [byte]
        schema_versions: Versions of a database's schema; empty for other files.
    """

    model_config = ConfigDict(frozen=True)

    sha256: str
    bytes: int
    schema_versions: dict[str, str] = {}


class Manifest(BaseModel):
    """What is in a backup, written at its end.

    Attributes:
        format: Version of the layout.
        made: When, ISO 8601, UTC.
        program: Version of this program.
        dagster: Version of Dagster.
        backend: Where the house's readings are kept.
        timezone: Zone that cuts the months of `sums`.
        files: Its files by their names in the archive.
        readings: How many raw readings; None where they are not in it.
        points: How many processed values; None likewise.
        sums: Consumption by meter and month; empty where the data is not in it. [meter unit]
        partitions: How many materialized partitions Dagster knows, by asset key as Dagster writes it.
        elsewhere: Configuration files that stood outside the config folder, by the name that they have in the backup.
        notes: What is not in it, as sentences.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    made: str
    program: str
    dagster: str
    backend: str
    timezone: str
    files: dict[str, Member] = {}
    readings: int | None = None
    points: int | None = None
    sums: dict[str, dict[str, float]] = {}
    partitions: dict[str, int] = {}
    elsewhere: dict[str, str] = {}
    notes: list[str] = []


class Writer:
    """Puts files into an archive and remembers what they were."""

    def __init__(self, stream: IO[bytes]) -> None:
        # Level 3 takes half the time of the usual 9 and leaves a few per cent more.
        self._tar = tarfile.open(fileobj=stream, mode="w:gz", compresslevel=3)  # noqa: SIM115 - closed by close
        self.files: dict[str, Member] = {}

    def add(self, name: str, path: Path, schema_versions: dict[str, str] | None = None) -> None:
        """Add a file under a name.

        Raises:
            OSError: It cannot be read, or the archive not be written.
            UpkeepError: There is a file of that name in it.
        """
        if name in self.files:
            raise UpkeepError(f"{path}: another file is '{name}' in the backup already. Give one of them another name.")
        content = path.stat()
        header = tarfile.TarInfo(name)
        header.size, header.mtime, header.mode = content.st_size, int(content.st_mtime), 0o600
        with path.open("rb") as stream:
            digesting = _Digesting(stream)
            self._tar.addfile(header, digesting)
        self.files[name] = Member(
            sha256=digesting.digest.hexdigest(), bytes=content.st_size, schema_versions=schema_versions or {}
        )

    def close(self, manifest: Manifest) -> None:
        """Write the manifest and end the archive."""
        text = manifest.model_dump_json(indent=1).encode()
        header = tarfile.TarInfo(MANIFEST)
        header.size, header.mode = len(text), 0o600
        self._tar.addfile(header, io.BytesIO(text))
        self._tar.close()


class _Digesting:
    """Reads a stream and takes its digest on the way."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.digest.update(block)
        return block


def unpack(path: Path, folders: Mapping[str, Path]) -> Manifest:
    """Read a backup from beginning to end, hold it against its manifest, and write some of its parts.

    Args:
        path: The backup.
        folders: Where the files of a part go, under a folder of the part's name; a part that is not named is only read.

    Raises:
        UpkeepError: It is none, is incomplete or damaged, or was made by a newer program.
        OSError: A folder cannot be written, whose fault it is not.
    """
    found: dict[str, Member] = {}
    manifest: Manifest | None = None
    try:
        with gzip.open(path) as content, tarfile.open(fileobj=content, mode="r|") as tar:
            for header in tar:
                stream = tar.extractfile(header) if header.isfile() else None
                if stream is None or not _is_inside(header.name):
                    raise UpkeepError(f"{path}: it holds '{header.name}', which no backup does. Take another backup.")
                if header.name == MANIFEST:
                    manifest = _manifest(path, stream.read())
                    continue
                if header.name in found:
                    raise UpkeepError(f"{path}: it holds '{header.name}' twice. Take another backup.")
                part, _, rest = header.name.partition("/")
                target = folders[part] / part / rest if part in folders else None
                found[header.name] = _written(stream, target)
            # To the very end, where gzip keeps the digest of it all.
            for _ in _blocks(content):
                pass
    except _UnwrittenError as unwritten:
        raise unwritten.error from None
    except _BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UpkeepError(f"{path}: cannot be read as a backup ({reason}). Take another backup.") from error
    if manifest is None:
        raise UpkeepError(f"{path}: it ends before its manifest: it is cut off, or no backup. Take another backup.")
    expected = {name: (member.sha256, member.bytes) for name, member in manifest.files.items()}
    for name in sorted(expected.keys() | found.keys()):
        there = found.get(name)
        if name not in expected or there is None or (there.sha256, there.bytes) != expected[name]:
            raise UpkeepError(f"{path}: {name} is not what the manifest says: it is damaged. Take another backup.")
    return manifest


class _UnwrittenError(Exception):
    """Keeps what went wrong with the target apart from what went wrong with the backup: both are OSErrors."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def _written(stream: IO[bytes], target: Path | None) -> Member:
    digest, size = hashlib.sha256(), 0
    with contextlib.nullcontext() if target is None else _new_file(target) as file:
        for block in _blocks(stream):
            if file is not None and target is not None:
                _write(file, block, target)
            digest.update(block)
            size += len(block)
    return Member(sha256=digest.hexdigest(), bytes=size)


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[io.FileIO]:
    with _blaming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: a disk that is full is met where it is written, not where it is closed.
        file = path.open("xb", buffering=0)
    with file:
        yield file


def _write(file: io.FileIO, block: bytes, path: Path) -> None:
    left = memoryview(block)
    while left:
        with _blaming(path):
            left = left[file.write(left) :]


@contextlib.contextmanager
def _blaming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _UnwrittenError(OSError(error.errno, error.strerror or str(error), str(path))) from error


def _blocks(stream: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block


def _is_inside(name: str) -> bool:
    """Tell whether a name stays within the folder that it is unpacked into."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and (name == MANIFEST or len(path.parts) > 1)


def _manifest(path: Path, text: bytes) -> Manifest:
    try:
        content = json.loads(text)
        version = content.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise UpkeepError(
                f"{path}: it was made by version {content.get('program')} in format {version}, and this version knows "
                f"up to {FORMAT}. Update the program first."
            )
        return Manifest.model_validate(content)
    except (ValueError, AttributeError, ValidationError) as error:
        raise UpkeepError(f"{path}: its manifest cannot be read. Take another backup.") from error

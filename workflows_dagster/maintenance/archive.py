"""A backup file: a gzipped tar of databases and configuration, with a manifest.

A backup file is untrusted. Only names of the known layout are accepted, each once, as regular files. The whole file is
compared with its manifest before anything is written, and everything is written below the given folder.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.stores.open import EMBEDDED_FILE

FORMAT = 1
MANIFEST = "manifest.json"
# The parts of a backup.
CONFIG, DATA, HOME = "config", "data", "home"
PARTS = (CONFIG, DATA, HOME)

_RUN_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# One path component: not hidden, not `..`, printable.
_VISIBLE = r"[^./\\\x00-\x1f\x7f-\x9f\ud800-\udfff][^/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]{0,199}"
_LAYOUT = re.compile(
    rf"{DATA}/{re.escape(EMBEDDED_FILE)}"
    rf"|{HOME}/((dagster|workspace)\.yaml|history/runs\.db|history/runs/(index|{_RUN_ID}|)\.db|schedules/schedules\.db)"
    rf"|{CONFIG}/({_VISIBLE}/){{0,5}}{_VISIBLE}\.ya?ml"
)
_MOST_FILES = 200_000
_LARGEST_MANIFEST = 64 << 20
_LARGEST_HEADER = 64 << 10
_BLOCK = 1 << 20
_BROKEN = (tarfile.TarError, EOFError, zlib.error, OSError, UnicodeError)

# Shown on a terminal.
Line = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


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
    """The contents of a backup, stored at its end.

    Attributes:
        format: Version of the layout.
        made: When, ISO 8601, UTC.
        program: Version of this program.
        dagster: Version of Dagster.
        backend: Backend that holds the house's readings.
        timezone: Zone that cuts the months of `sums`.
        files: Its files by their names in the archive.
        readings: Number of raw readings; None if they are not included.
        points: Number of processed values; None likewise.
        sums: Consumption by meter and month; empty if the data is not included. [meter unit]
        partitions: Number of materialized partitions by asset key, as Dagster writes it.
        elsewhere: Configuration files from outside the config folder, by their names in the backup.
        notes: What is not included, as sentences.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    made: Line
    program: Line
    dagster: Line
    backend: Line
    timezone: Line
    files: dict[str, Member] = {}
    readings: int | None = None
    points: int | None = None
    sums: dict[str, dict[str, float]] = {}
    partitions: dict[str, int] = {}
    elsewhere: dict[Line, Line] = {}
    notes: list[Line] = []


class Writer:
    """Writes files into an archive and records them for the manifest."""

    def __init__(self, stream: IO[bytes]) -> None:
        # Level 3 takes half the time of the default 9, for a few per cent more bytes.
        self._tar = tarfile.open(fileobj=stream, mode="w:gz", compresslevel=3)  # noqa: SIM115 - closed by close
        self.files: dict[str, Member] = {}

    def add(self, name: str, path: Path, schema_versions: dict[str, str] | None = None) -> None:
        """Add a file under a name.

        Raises:
            OSError: The file cannot be read, or the archive cannot be written.
            UpkeepError: The archive already has a file of that name, or the name could not be restored.
        """
        if name in self.files or not is_known(name):
            reason = "another file has the same one" if name in self.files else "it is none that can be restored"
            raise UpkeepError(f"{path}: its name in a backup would be {name!a}, and {reason}. Give it another name.")
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
        """Write the manifest and close the archive."""
        text = manifest.model_dump_json(indent=1).encode()
        header = tarfile.TarInfo(MANIFEST)
        header.size, header.mode = len(text), 0o600
        self._tar.addfile(header, io.BytesIO(text))
        self._tar.close()


class _Digesting:
    """Computes the digest of a stream while it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.digest.update(block)
        return block


def is_known(name: str) -> bool:
    """Tell whether a name is allowed in a backup: part of the layout, relative and normalised."""
    return _LAYOUT.fullmatch(name) is not None


def unpack(path: Path, folders: Mapping[str, Path] | None = None) -> Manifest:
    """Read a whole backup, compare it with its manifest, and extract some of its parts.

    Without folders nothing is written; that checks a backup before it is extracted.

    Args:
        path: The backup.
        folders: Target folder of each part, below which a folder of the part's name is made; other parts are only read.

    Raises:
        UpkeepError: The file is not a backup, is incomplete or damaged, has unexpected contents, was made by a newer
            program, or a file cannot be written.
    """
    found: dict[str, Member] = {}
    manifest: Manifest | None = None
    try:
        with gzip.open(path) as content, tarfile.open(fileobj=content, mode="r|", tarinfo=_Header) as tar:
            for header in tar:
                if manifest is not None or len(found) >= _MOST_FILES:
                    raise UpkeepError(f"{path}: it holds more files than a backup does. Take another backup.")
                if header.name != MANIFEST and not is_known(header.name):
                    raise UpkeepError(f"{path}: it holds {header.name!a}, which no backup does. Take another backup.")
                if header.name in found:
                    raise UpkeepError(f"{path}: it holds '{header.name}' twice. Take another backup.")
                stream = tar.extractfile(header) if header.isreg() and not header.issparse() else None
                if stream is None:
                    raise UpkeepError(f"{path}: '{header.name}' in it is no ordinary file. Take another backup.")
                if header.name == MANIFEST:
                    manifest = _manifest(path, stream.read(_LARGEST_MANIFEST + 1))
                    continue
                part = header.name.partition("/")[0]
                folder = folders.get(part) if folders else None
                found[header.name] = _copied(stream, folder / header.name if folder else None, folder)
            # Read to the very end, where gzip keeps its checksum.
            for _ in _blocks(content):
                pass
    except _BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UpkeepError(f"{path}: cannot be read as a backup ({reason}). Take another backup.") from error
    if manifest is None:
        raise UpkeepError(f"{path}: it ends before its manifest: it is cut off, or no backup. Take another backup.")
    expected = {name: (member.sha256, member.bytes) for name, member in manifest.files.items()}
    for name in sorted(expected.keys() | found.keys()):
        there = found.get(name)
        if name not in expected or there is None or (there.sha256, there.bytes) != expected[name]:
            raise UpkeepError(f"{path}: {name!a} is not what the manifest says: it is damaged. Take another backup.")
    return manifest


class _Header(tarfile.TarInfo):
    """A tar header. Refuses long names, because tarfile would read them into memory as a whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse a header; refuse one with a long name."""
        header = super().frombuf(buf, encoding, errors)
        if not header.isreg() and header.size > _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {header.size} bytes")
        return header


def _copied(stream: IO[bytes], target: Path | None, folder: Path | None) -> Member:
    """Read a file to its end, and write it to the target, if any.

    Raises:
        UpkeepError: The file cannot be written, or its path leads outside the folder.
    """
    digest, size = hashlib.sha256(), 0
    output = _Output(target, folder) if target and folder else None
    try:
        for block in _blocks(stream):
            digest.update(block)
            size += len(block)
            if output:
                output.write(block)
    finally:
        if output:
            output.close()
    return Member(sha256=digest.hexdigest(), bytes=size)


class _Output:
    """A new file below a folder. Its errors are distinguished from errors of the backup."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UpkeepError(f"{path}: it would come to lie outside of {folder}. Nothing was changed.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered, so that a full disk fails in write and not in close.
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise self._unwritten(error) from error

    def write(self, block: bytes) -> None:
        left = memoryview(block)
        while left:
            try:
                left = left[self._file.write(left) :]
            except OSError as error:
                raise self._unwritten(error) from error

    def close(self) -> None:
        self._file.close()

    def _unwritten(self, error: OSError) -> UpkeepError:
        return UpkeepError(
            f"{self._path}: cannot be written ({error.strerror or error}). Make room or mend that, and try again. "
            "Nothing was changed."
        )


def _blocks(stream: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block


class _Version(BaseModel):
    """The format version of a manifest, parsed first because later formats may differ."""

    format: int = 0
    program: Line = ""


def _manifest(path: Path, text: bytes) -> Manifest:
    if len(text) > _LARGEST_MANIFEST:
        raise UpkeepError(f"{path}: its manifest has more than {_LARGEST_MANIFEST:,} bytes. Take another backup.")
    try:
        version = _Version.model_validate_json(text)
        if version.format > FORMAT:
            raise UpkeepError(
                f"{path}: it was made by version {version.program} in format {version.format}, and this version knows "
                f"up to {FORMAT}. Update the program first."
            )
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise UpkeepError(f"{path}: its manifest cannot be read. Take another backup.") from error

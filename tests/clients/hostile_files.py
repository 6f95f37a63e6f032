"""Files that are made to harm or that programs write by accident, each with what is said about it."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="dd.mm.yyyy hh:mm"/></numFmts>'
    '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>'
)
HEADER = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>time</t></is></c><c r="B1" t="inlineStr"><is><t>value</t></is></c></row>'
)
GOOD_ROW = '<row r="2"><c r="A2" s="1"><v>45292</v></c><c r="B2"><v>5</v></c></row>'
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Hostile:
    """One file.

    Attributes:
        name: What it is.
        make: Writes it into a folder; gives its path.
        outcome: Code of the sentence about the whole file, or the verdicts of its rows (`gbd`: good, bad, duplicate).
    """

    name: str
    make: Callable[[Path], Path]
    outcome: str


def xlsx(rows: str = HEADER + GOOD_ROW, shared: str = "", styles: str = STYLES, **more: bytes) -> bytes:
    """A workbook of one sheet."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" '
            f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{_OFFICE}"><sheets>'
            '<sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" '
            f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
            "xl/styles.xml": styles,
            "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{shared}</sst>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
            **more,
        }.items():
            archive.writestr(name, text)
    return target.getvalue()


def ods(rows: str, **more: str) -> bytes:
    """An OpenDocument spreadsheet of one sheet."""
    target = io.BytesIO()
    space = "urn:oasis:names:tc:opendocument:xmlns:"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{space}manifest:1.0"/>')
        archive.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{space}office:1.0" xmlns:table="{space}table:1.0" '
            f'xmlns:text="{space}text:1.0"><office:body><office:spreadsheet><table:table table:name="a">{rows}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
        for name, text in more.items():
            archive.writestr(name, text)
    return target.getvalue()


ODS_HEADER = (
    '<table:table-row><table:table-cell office:value-type="string"><text:p>time</text:p></table:table-cell>'
    '<table:table-cell office:value-type="string"><text:p>value</text:p></table:table-cell></table:table-row>'
)


def ods_row(moment: str, value: str, repeated: int = 1) -> str:
    """A row of an OpenDocument spreadsheet."""
    return (
        f'<table:table-row table:number-rows-repeated="{repeated}">'
        f'<table:table-cell office:value-type="date" office:date-value="{moment}"/>'
        f'<table:table-cell office:value-type="float" office:value="{value}"/></table:table-row>'
    )


def _with(cell: str, row: str = "2") -> bytes:
    return xlsx(HEADER + f'<row r="{row}">{cell}<c r="B{row}"><v>5</v></c></row>')


def _bytes(name: str, content: Callable[[], bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content())
        return path

    return make


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.csv")
    return folder / "pipe.csv"


def _link_to_zero(folder: Path) -> Path:
    (folder / "zero.csv").symlink_to("/dev/zero")
    return folder / "zero.csv"


def _sparse(folder: Path) -> Path:
    with (folder / "sparse.csv").open("wb") as file:
        file.truncate(51 * MEGABYTE)
    return folder / "sparse.csv"


def _old(stream: str) -> bytes:
    """The beginning of an OLE file that names a stream."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + stream.encode("utf-16-le") + bytes(512)


def _endless_old() -> bytes:
    """An OLE file whose chain of sectors bites its tail."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<IIIIIIIII", header, 44, 1, 1, 0, 4096, 0, 0, 0, 0, 0)
    struct.pack_into("<I", header, 76, 0)
    return bytes(header) + struct.pack("<128I", *([0] * 128)) + bytes(512)


def _zip(*files: tuple[str, bytes], flag: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    content = bytearray(target.getvalue())
    for signature, at_flag, at_method in ((b"PK\x03\x04", 6, 8), (b"PK\x01\x02", 8, 10)):
        place = content.find(signature)
        while place >= 0 and (flag or method != zipfile.ZIP_DEFLATED):
            struct.pack_into("<H", content, place + at_flag, flag)
            struct.pack_into("<H", content, place + at_method, method)
            place = content.find(signature, place + 4)
    return bytes(content)


def _lying(content: bytes, name: str, size: int) -> bytes:
    """The archive, saying another size of a file in it."""
    changed = bytearray(content)
    place = changed.find(b"PK\x01\x02")
    while place >= 0:
        if changed[place + 46 : place + 46 + len(name)] == name.encode():
            struct.pack_into("<I", changed, place + 24, size)
        place = changed.find(b"PK\x01\x02", place + 4)
    return bytes(changed)


_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + f']><worksheet xmlns="{MAIN}"><sheetData><row><c t="inlineStr"><is><t>&j;</t></is></c></row></sheetData>'
    "</worksheet>"
)


def _csv(text: str) -> Callable[[Path], Path]:
    return _bytes("readings.csv", lambda: text.encode())


def files() -> Iterator[Hostile]:
    """Give all of them."""
    yield from _kinds_that_once_did_harm()
    yield from _odd_cells()
    yield from _archives()
    yield from _other_workbooks()
    yield from _texts()


def _kinds_that_once_did_harm() -> Iterator[Hostile]:
    yield Hostile(
        "a row 999,999,999",
        _bytes("a.xlsx", lambda: _with('<c r="A999999999" s="1"><v>45292</v></c>', "999999999")),
        "g",
    )
    yield Hostile(
        "a formatted blank in row 1,048,576",
        _bytes("b.xlsx", lambda: xlsx(HEADER + GOOD_ROW + '<row r="1048576"><c r="XFD1048576" s="1"/></row>')),
        "g",
    )
    yield Hostile(
        "3 million shared strings",
        _bytes("c.xlsx", lambda: xlsx(shared="<si><t>a</t></si>" * 3_000_000)),
        "sheet_too_large",
    )
    yield Hostile("/dev/zero", lambda _: Path("/dev/zero"), "no_ordinary_file")
    yield Hostile("a pipe", _fifo, "no_ordinary_file")
    yield Hostile("a million rows of text", _csv("time,value\n" + "2024-01-01,5\n" * 1_000_000), "too_many_rows")
    yield Hostile(
        "a million rows of a workbook",
        _bytes("d.xlsx", lambda: xlsx(HEADER + "<row><c><v>1</v></c><c><v>1</v></c></row>" * 1_000_000)),
        "too_many_rows",
    )
    yield Hostile("a cell of 30,000 digits", _csv("time,value\n2024-01-01," + "1" * 30_000 + "\n"), "b")
    yield Hostile("a cell of 30,000 groups of digits", _csv("time;value\n2024-01-01;1" + ".123" * 30_000 + "x\n"), "b")
    yield Hostile(
        "a header of blanks and parentheses", _csv("time,value" + " (" * 40_000 + "\n2024-01-01,5\n"), "unknown_header"
    )


def _odd_cells() -> Iterator[Hostile]:
    for name, cell in {
        "a shared string that is not there": '<c r="A2" t="s"><v>99</v></c>',
        "a shared string without a number": '<c r="A2" t="s"><v>x</v></c>',
        "a cell of an unknown type": '<c r="A2" t="zz"><v>1</v></c>',
        "a truth that is 7": '<c r="A2" t="b"><v>7</v></c>',
        "an unknown error": '<c r="A2" t="e"><v>#WHAT</v></c>',
        "a number that is none": '<c r="A2"><v>abc</v></c>',
        "an endless number": '<c r="A2"><v>1e999</v></c>',
        "a day of the year 2,700,000,000": '<c r="A2" s="1"><v>1e12</v></c>',
        "a day before all days": '<c r="A2" s="1"><v>-5</v></c>',
        "a day that no calendar has": '<c r="A2" t="d"><v>2024-99-99</v></c>',
        "a cell with a control character, escaped": '<c r="A2" t="inlineStr"><is><t>_x001b_[2J</t></is></c>',
        "a text of 30,000 letters": f'<c r="A2" t="inlineStr"><is><t>{"x" * 30_000}</t></is></c>',
    }.items():
        yield Hostile(name, _bytes("odd.xlsx", lambda cell=cell: _with(cell)), "b")
    for name, cell in {
        "a cell without a place": '<c s="1"><v>45292</v></c>',
        "a cell of column ZZZZZZZZ": '<c r="ZZZZZZZZ2" s="1"><v>45292</v></c>',
        "a place that is none": '<c r="1A" s="1"><v>45292</v></c>',
        "a style that is not there": '<c r="A2" t="inlineStr" s="999999999999"><is><t>2024-01-01</t></is></c>',
    }.items():
        yield Hostile(name, _bytes("odd.xlsx", lambda cell=cell: _with(cell)), "g")


def _archives() -> Iterator[Hostile]:
    yield Hostile(
        "100,000 columns",
        _bytes("a.xlsx", lambda: xlsx(HEADER + "<row>" + "<c><v>1</v></c>" * 100_000 + "</row>")),
        "too_many_columns",
    )
    yield Hostile(
        "a text in column XFD",
        _bytes("a.xlsx", lambda: xlsx(HEADER + GOOD_ROW + '<row r="3"><c r="XFD3"><v>1</v></c></row>')),
        "gb",
    )
    yield Hostile(
        "entities that expand without end",
        _bytes("a.xlsx", lambda: xlsx(**{"xl/worksheets/sheet1.xml": _LAUGHS})),
        "damaged_workbook",
    )
    yield Hostile(
        "elements 200,000 deep", _bytes("a.xlsx", lambda: xlsx("<row>" * 200_000 + "</row>" * 200_000)), "empty"
    )
    yield Hostile(
        "101 MB of blanks in a sheet",
        _bytes("a.xlsx", lambda: xlsx(HEADER + GOOD_ROW + " " * 101 * MEGABYTE)),
        "unpacks_too_large",
    )
    yield Hostile(
        "a sheet that unpacks to more than it says",
        _bytes("a.xlsx", lambda: _lying(xlsx(HEADER + " " * 101 * MEGABYTE), "xl/worksheets/sheet1.xml", 1000)),
        "damaged_workbook",
    )
    yield Hostile(
        "a macro of 200 MB", _bytes("a.xlsm", lambda: xlsx(**{"xl/vbaProject.bin": bytes(200 * MEGABYTE)})), "g"
    )
    yield Hostile(
        "20,000 files in the archive", _bytes("a.xlsx", lambda: xlsx(**{f"x{n}": b"" for n in range(20_000)})), "g"
    )
    yield Hostile(
        "a path that leads out of the archive", _bytes("a.xlsx", lambda: xlsx(**{"../../../etc/cron.d/x": b"x"})), "g"
    )
    yield Hostile(
        "a plain zip archive", _bytes("a.xlsx", lambda: _zip(("letter.txt", b"hello"))), "archive_without_workbook"
    )
    yield Hostile(
        "an encrypted zip archive", _bytes("a.zip", lambda: _zip(("letter.txt", b"hello"), flag=1)), "encrypted_archive"
    )
    yield Hostile(
        "an AES zip archive",
        _bytes("a.zip", lambda: _zip(("letter.txt", b"hello"), flag=1, method=99)),
        "encrypted_archive",
    )
    yield Hostile(
        "a workbook packed by an unknown method",
        _bytes("a.xlsx", lambda: _zip(("xl/workbook.xml", b"<a/>"), method=77)),
        "damaged_workbook",
    )
    yield Hostile("a workbook cut short", _bytes("a.xlsx", lambda: xlsx()[:700]), "damaged_workbook")
    yield Hostile(
        "a workbook whose sheet is no XML",
        _bytes("a.xlsx", lambda: xlsx(**{"xl/worksheets/sheet1.xml": b"\xff<<"})),
        "damaged_workbook",
    )
    yield Hostile(
        "a workbook without its sheet",
        _bytes("a.xlsx", lambda: _zip(("xl/workbook.xml", b"<workbook/>"))),
        "damaged_workbook",
    )


def _other_workbooks() -> Iterator[Hostile]:
    yield Hostile("an encrypted workbook", _bytes("a.xlsx", lambda: _old("EncryptedPackage")), "encrypted_workbook")
    yield Hostile("an .xls without a workbook", _bytes("a.xls", lambda: _old("Nothing")), "damaged_workbook")
    yield Hostile("an .xls whose chain has no end", _bytes("a.xls", _endless_old), "takes_too_much")
    yield Hostile(
        "an .ods with a row repeated a million times",
        _bytes("a.ods", lambda: ods(ODS_HEADER + ods_row("2024-01-01", "5", 1_048_576))),
        "sheet_too_large",
    )
    yield Hostile(
        "an .ods with a cell repeated a billion times",
        _bytes(
            "a.ods",
            lambda: ods(
                '<table:table-row><table:table-cell table:number-columns-repeated="1000000000" '
                'office:value-type="float" office:value="1"/></table:table-row>'
            ),
        ),
        "unknown_header",
    )
    yield Hostile(
        "an .ods with blank rows to the end",
        _bytes(
            "a.ods",
            lambda: ods(
                ODS_HEADER + ods_row("2024-01-01", "5") + '<table:table-row table:number-rows-repeated="1048574">'
                '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
            ),
        ),
        "g",
    )
    yield Hostile(
        "an .ods whose content is no XML",
        _bytes("a.ods", lambda: _zip(("content.xml", b"<<"), ("mimetype", b"x"))),
        "damaged_workbook",
    )


def _texts() -> Iterator[Hostile]:
    yield Hostile("a link to /dev/zero", _link_to_zero, "no_ordinary_file")
    yield Hostile("the terminal", lambda _: Path("/dev/tty"), "no_ordinary_file")
    yield Hostile("a file that is not there", lambda folder: folder / "none.csv", "no_file")
    yield Hostile("a name with a NUL", lambda folder: folder / "a\0b.csv", "no_file")
    yield Hostile("a name of 5,000 letters", lambda folder: folder / ("a" * 5000), "unreadable")
    yield Hostile("a folder", lambda folder: folder, "folder")
    yield Hostile("51 MB without anything", _sparse, "too_large")
    yield Hostile("49 MB of NULs", _bytes("a.csv", lambda: bytes(49 * MEGABYTE)), "not_text")
    yield Hostile(
        "49 MB in one line", _bytes("a.csv", lambda: b"time,value\n" + b"1" * 49 * MEGABYTE), "cannot_be_split"
    )
    yield Hostile(
        "a million cells in a line", _csv("time,value\n2024-01-01,5" + ",1" * 1_000_000 + "\n"), "cannot_be_split"
    )
    yield Hostile(
        "49 MB of line breaks",
        _bytes("a.csv", lambda: b"time,value\n2024-01-01,5" + b"\n" * 49 * MEGABYTE),
        "too_many_rows",
    )
    yield Hostile(
        "an open quotation over 900,000 lines", _csv('time,value\n2024-01-01,"' + "x\n" * 900_000), "cannot_be_split"
    )
    yield Hostile(
        "300 columns",
        _csv("time,value" + "".join(f",c{n}" for n in range(300)) + "\n2024-01-01,5\n"),
        "too_many_columns",
    )
    yield Hostile("control characters in a cell", _csv("time,value\n\x1b]0;title\x07,5\n"), "b")
    yield Hostile(
        "UTF-16 cut in half", _bytes("a.csv", lambda: "time,value\n2024-01-01,5\n".encode("utf-16")[:-1]), "not_text"
    )
    yield Hostile("random bytes", _bytes("a.csv", lambda: bytes(range(256)) * 40), "not_text")
    yield Hostile("text named .xlsx", _bytes("a.xlsx", lambda: b"time,value\n2024-01-01,5\n"), "no_workbook")

"""A strict reading of a CSV source by the standard library: its names, how many rows it has, and where they begin."""

from __future__ import annotations

import codecs
import csv
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

from regen_executors.export.bounds import SOURCE, bound_columns, bound_rows
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from regen_executors.export.inputs import ExportInputs

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS: Final = ",;\t|"
_SAMPLE_LINES: Final = 200


@dataclass(frozen=True, slots=True)
class Scan:
    """A CSV source of which every record has as many fields as there are names.

    Attributes:
        names: the columns' names; ``column_3`` where the third has none.
        count: how many rows there are, without the names.
        encoding: as the inputs name it, or detected.
        delimiter: likewise.
        quote: what encloses fields; None where nothing does.
        longest: the bytes of the longest record.
        path: the file.
        start: where the rows begin in it.
        rewritten: the rows in UTF-8 and without comments, where the file is not so.
    """

    names: list[str]
    count: int
    encoding: str
    delimiter: str
    quote: str | None
    longest: int
    path: Path
    start: int
    rewritten: BytesIO | None

    def body(self) -> BinaryIO:
        """The rows as a file in UTF-8, opened at the first."""
        if self.rewritten is not None:
            self.rewritten.seek(0)
            return self.rewritten
        file = self.path.open("rb")
        file.seek(self.start)
        return file


@dataclass(slots=True)
class _Lines:
    """The lines of a text without comments, counted.

    Attributes:
        text: the rest of the text.
        ahead: lines that were read from it already.
        comment: what a comment begins with.
        at_start: whether a record begins at the next line. Inside a quoted field no line is a comment.
        number: the number of the last line, from 1.
        size: the bytes of all lines so far, in UTF-8.
        kept: where the lines are copied to.
    """

    text: TextIO
    ahead: list[str]
    comment: str | None
    at_start: bool = True
    number: int = 0
    size: int = 0
    kept: BytesIO | None = None

    def __iter__(self) -> Iterator[str]:
        """One line at a time, with its end."""
        while line := self.ahead.pop(0) if self.ahead else self.text.readline():
            content = line.encode()
            self.number += 1
            self.size += len(content)
            if self.at_start and self.comment is not None and line.startswith(self.comment):
                continue
            self.at_start = False
            if self.kept is not None:
                self.kept.write(content)
            yield line


def scan(path: Path, inputs: ExportInputs) -> Scan:
    """Reads every record of the file.

    Raises:
        InvalidInput: the file is not in its encoding, or a record is malformed or has another number of fields than the first.
        Capped: there are more rows or columns than the limits allow.
    """
    encoding = inputs.encoding or _detected_encoding(path)
    try:
        with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as text:
            return _scanned(path, text, encoding, inputs)
    except UnicodeError as error:
        raise InvalidInput(SOURCE, _bad_bytes(path, encoding)) from error


def _scanned(path: Path, text: TextIO, encoding: str, inputs: ExportInputs) -> Scan:
    # Arrow reads the rows from the file itself where it can: the copy takes as much memory as the file has bytes.
    is_rewritten = encoding != "utf-8" or inputs.comment is not None
    has_names = inputs.header_line > 0
    skipped = [text.readline() for _ in range(inputs.header_line - 1)]
    ahead = list(islice(iter(text.readline, ""), _SAMPLE_LINES))
    quote = None if inputs.quote == "none" else inputs.quote
    delimiter = inputs.delimiter or _detected_delimiter(ahead, inputs.comment, quote)
    lines = _Lines(text, ahead, inputs.comment, number=len(skipped), size=_bom(path) + sum(len(x.encode()) for x in skipped))
    start = lines.size
    lines.kept = BytesIO() if is_rewritten and not has_names else None
    records = _records(lines, delimiter, quote)
    blank, first = 0, None
    for record in records:
        if record:
            first = record
            break
        blank += 1
    if first is None:
        raise InvalidInput(SOURCE, "expected a source that is CSV with a line of names, got no record")
    bound_columns(len(first), SOURCE)
    if has_names:
        start, lines.kept = lines.size, BytesIO() if is_rewritten else None
    begun = lines.size
    count, longest = _counted(lines, records, len(first))
    if not has_names:
        count += 1 + (blank if len(first) == 1 else 0)
        longest = max(longest, begun - start)
    names = [name if has_names and name else f"column_{at}" for at, name in enumerate(first, start=1)]
    return Scan(names, count, encoding, delimiter, quote, longest, path, start, lines.kept)


def _counted(lines: _Lines, records: Iterator[list[str]], width: int) -> tuple[int, int]:
    """How many rows follow, and the bytes of the longest."""
    count = longest = 0
    before = lines.size
    for record in records:
        longest = max(longest, lines.size - before)
        before = lines.size
        if not record and width > 1:
            continue
        if record and len(record) != width:
            expected = f"expected {width} fields, as many as the first record has, got {len(record)}"
            raise InvalidInput(SOURCE, f"line {lines.number}: {expected}")
        count += 1
        bound_rows(count, SOURCE)
    return count, longest


def _records(lines: _Lines, delimiter: str, quote: str | None) -> Iterator[list[str]]:
    """The records; an empty list for an empty line."""
    # The module's limit of 128 KiB a field is for readers that keep them; the source's own limit is enough here.
    csv.field_size_limit(2**31 - 1)
    reader = _reader(lines, delimiter, quote)
    while True:
        lines.at_start = True
        begun = lines.number + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            where = f"line {begun}" if lines.number <= begun else f"lines {begun} to {lines.number}"
            expected = "expected a source that is CSV"
            if "unexpected end" in str(error):
                raise InvalidInput(SOURCE, f"{expected}: a quoted field that begins on line {begun} never ends") from error
            raise InvalidInput(SOURCE, f"{expected}, {where}: {error}") from error
        if record is None:
            return
        yield record


def _reader(lines: _Lines | Sequence[str], delimiter: str, quote: str | None) -> Iterator[list[str]]:
    if quote is None:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)


def _detected_delimiter(sample: Sequence[str], comment: str | None, quote: str | None) -> str:
    """The one that gives the first records the same number of fields, more than one; the comma where it does or none does."""
    lines = [line for line in sample if comment is None or not line.startswith(comment)]
    widths = {delimiter: _width(lines, delimiter, quote) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda delimiter: widths[delimiter])
    return "," if widths[","] > 1 or widths[best] <= 1 else best


def _width(lines: Sequence[str], delimiter: str, quote: str | None) -> int:
    """The fields of each record of the sample, 0 where they differ. The sample may end inside of the last."""
    widths: list[int] = []
    with suppress(csv.Error):
        widths.extend(len(record) for record in _reader(lines, delimiter, quote) if record)
    return widths[0] if widths and len(set(widths)) == 1 else 0


def _detected_encoding(path: Path) -> str:
    """By the byte order mark, else UTF-8. No other encoding is guessed: a wrong guess changes text without an error."""
    with path.open("rb") as file:
        start = file.read(3)
    return next((name for bom, name in _BOMS if start.startswith(bom)), "utf-8")


def _bom(path: Path) -> int:
    with path.open("rb") as file:
        return len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0


def _bad_bytes(path: Path, encoding: str) -> str:
    content = path.read_bytes()
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        got = f"got byte 0x{content[error.start]:02x} at {error.start}"
        return f"line {line}: expected a source in {encoding}, {got}; name its encoding in inputs.encoding"
    return f"expected a source in {encoding}; name its encoding in inputs.encoding"

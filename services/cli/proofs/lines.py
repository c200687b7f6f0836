"""Files of JSON lines, read so that nothing in them goes unseen, and written with a digest of all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from services.allocation.domain.proofs import Mismatch

LINE_BYTES_MAX = 1 << 20
"""Longest line that is read: a table of 3,600 seconds, or 10,000 amounts of 10 digits, fit many times."""


class Line:
    """The fields of a line, each of which has to be there, to be read, and to be of its kind."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def number(self, name: str) -> int:
        """A whole number. Raises `Mismatch`, as all of these do."""
        value = self._take(name)
        if type(value) is not int:
            raise Mismatch(f"{name} is not a whole number")
        return value

    def text(self, name: str) -> str:
        """A text, whole characters only."""
        value = self._take(name)
        if not isinstance(value, str):
            raise Mismatch(f"{name} is not a text")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise Mismatch(f"{name} is no text that could be written: half a character is in it")
        return value

    def binary(self, name: str) -> bytes:
        """Bytes in hexadecimal digits."""
        try:
            return bytes.fromhex(self.text(name))
        except ValueError:
            raise Mismatch(f"{name} is not in hexadecimal digits") from None

    def numbers(self, name: str) -> NDArray[np.int64]:
        """A list of whole numbers."""
        value = self._take(name)
        try:
            column = np.array(value) if value else np.zeros(0, np.int64)
        except ValueError:  # lists of lists
            column = np.zeros(0, np.float64)
        if not isinstance(value, list) or column.dtype != np.int64 or column.ndim != 1:
            raise Mismatch(f"{name} is not a list of whole numbers")
        return column

    def counts(self, name: str, count: int | None = None) -> tuple[int, ...]:
        """A list of so many whole numbers, or of any number of them; none is below 0."""
        column: list[int] = self.numbers(name).tolist()
        if count is not None and len(column) != count:
            raise Mismatch(f"{name} has {len(column)} numbers, not {count}")
        if any(number < 0 for number in column):
            raise Mismatch(f"{name} has a number below 0")
        return tuple(column)

    def nested(self, name: str) -> dict[str, Any]:
        """An object within the line, as it stands there."""
        value = self._take(name)
        if not isinstance(value, dict):
            raise Mismatch(f"{name} is not an object")
        return value

    def end(self) -> None:
        """Raises `Mismatch` when there is more than what was read."""
        if self.fields:
            raise Mismatch(f"there is no such thing as {next(iter(self.fields))!r} on this line")

    def _take(self, name: str) -> Any:
        if name not in self.fields:
            raise Mismatch(f"{name} is missing")
        return self.fields.pop(name)


class Lines(Iterator[Line]):
    """The lines of a file, and the digest of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.number = 0
        """Of the line that was read last, from 1."""
        self.is_ended = False
        self.digest_before = b""
        """SHA-256 of all lines before that one."""
        self._file = file
        self._sha256 = hashlib.sha256()

    def __next__(self) -> Line:
        text = self._file.readline(LINE_BYTES_MAX)
        if not text:
            raise StopIteration
        self.number += 1
        self.digest_before = self._sha256.digest()
        self._sha256.update(text)
        if self.is_ended:
            raise Mismatch("there is more after the last line")
        if not text.endswith(b"\n"):
            raise Mismatch(
                "the line is not complete" if len(text) < LINE_BYTES_MAX else "the line is too long"
            )
        try:
            fields = json.loads(text, object_pairs_hook=_each_once)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise Mismatch("the line is not a JSON object")
        return Line(fields)

    def end(self) -> None:
        """Tells that this was the last line."""
        self.is_ended = True


class WrittenLines:
    """Writes lines, each a JSON object, and keeps the digest of all of them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()

    @property
    def digest(self) -> bytes:
        """SHA-256 of all lines so far."""
        return self._sha256.digest()

    def write(self, line: dict[str, Any]) -> None:
        """Writes a line."""
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self._sha256.update(text)
        self._file.write(text)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of an object. Raises `Mismatch` for a name that stands twice: who reads it could choose."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Mismatch("a field stands twice on the line")
    return fields

"""Looks for personal values in what a mesh leaves behind: logs, traces, reports, its data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from services.cli.gala.people import Player
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.simulated_cards import issued_card, reserved_phone

SECRETS = (
    # Access tokens are JWTs; login secrets and the like are 43 characters of base64url.
    re.compile(rb"eyJ[A-Za-z0-9_-]{16,}"),
    re.compile(rb"(?<![A-Za-z0-9_+/=-])(?=[A-Za-z0-9_-]*[A-Z])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_+/=-])"),
)


def values_of(players: Iterable[Player]) -> set[str]:
    """Every value that tells who somebody is: names, resident IDs, phones, card numbers."""
    values = set()
    for player in players:
        cards = (issued_card(bank, player.resident_id) for bank in BANKS)
        values |= {player.name, player.resident_id, player.phone, reserved_phone(player.resident_id), *cards}
    return values


def leaks(files: Sequence[Path], values: Iterable[str], patterns: Iterable[re.Pattern[bytes]]) -> list[str]:
    """Where in the files one of the values is, or something that fits a pattern; a few letters of each."""
    wanted = [spelling for value in values for spelling in _spellings(value)]
    # One expression for all of them: longer ones first, so that it names the whole value.
    either = re.compile(b"|".join(re.escape(one) for one in sorted(wanted, key=len, reverse=True)))
    return [found for file in files for found in _leaks_in(file, (either, *patterns))]


def files_below(*folders: Path) -> list[Path]:
    """All files in folders and theirs."""
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]


def _leaks_in(file: Path, patterns: Iterable[re.Pattern[bytes]]) -> Iterator[str]:
    content = file.read_bytes()
    for pattern in patterns:
        for match in list(pattern.finditer(content))[:3]:
            before = content[max(0, match.start() - 40) : match.start()]
            yield f"{file.name}: {match[0][:6]!r}... after {before!r}"


def _spellings(value: str) -> set[bytes]:
    # JSON spells Chinese characters out.
    return {value.encode(), json.dumps(value)[1:-1].encode()}

"""The people of an evening: invented, valid, and the same for the same seed."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.identity.domain import resident_id
from services.identity.domain.simulated_people import registered_name

_REGIONS = (
    "110105",
    "310104",
    "330106",
    "440305",
    "510107",
    "610113",
    "420106",
    "320102",
    "370202",
    "500103",
)
GUESTS_OF_A_HOST = 2
"""How many people somebody invites who invites anybody."""
_FIRST_BIRTH = dt.date(1950, 1, 1)
_BIRTH_DAYS = 55 * 365
Credentials = Sequence[tuple[str, str]]
"""Metadata that says who calls."""
_SEQUENCES = 900
"""The simulated registry keeps the highest sequences for people it does not know."""


@dataclass(slots=True)
class Player:
    """One person with an account; what the mesh gives out is filled in as the evening goes on."""

    number: int
    name: str
    resident_id: str
    phone: str
    account_id: int = 0
    login_secret: str = ""
    person_id: int = 0
    token: str = ""
    token_ends_s: int = 0
    """When it ends, seconds since the Unix epoch."""
    refresh_token: str = ""
    """Brings the next one."""
    is_verified: bool = False
    """Whether somebody has been verified behind the account: until then it plays as a provisional person."""
    verifies_late: bool = False
    """Plays first, and verifies when the rounds are over."""
    applies: bool = False
    """Is verified step by step, with photos and a bank card."""
    inviting: Player | None = None
    """Who brings this person into the campaign; None for everybody who comes alone."""
    first: Player | None = None
    """Whose second account this is; None for everybody who has one account."""
    has_tapped: bool = False
    has_shared: bool = False
    """Whether the player sent a packet to others."""
    packets_fen: dict[str, int] = field(default_factory=dict)
    """What this player was told to have won, fen, by round."""

    @property
    def won_fen(self) -> int:
        """All packets together, fen."""
        return sum(self.packets_fen.values())

    @property
    def comes_unknown(self) -> bool:
        """Whether nobody is verified behind the account when it is opened."""
        return self.verifies_late or self.applies or self.inviting is not None

    @property
    def credentials(self) -> Credentials:
        """Metadata that calls as this person carry."""
        return credentials_of(self.token)


def credentials_of(token: str) -> Credentials:
    """Metadata that calls with this token carry."""
    return (("authorization", f"Bearer {token}"),)


def invent_people(count: int, seed: str) -> list[Player]:
    """Invents people with distinct valid resident IDs; the same seed gives the same people."""
    draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    taken: set[str] = set()
    players: list[Player] = []
    while len(players) < count:
        birth = _FIRST_BIRTH + dt.timedelta(days=draw.randrange(_BIRTH_DAYS))
        number = resident_id.make(draw.choice(_REGIONS), birth, draw.randrange(_SEQUENCES))
        if number in taken:
            continue
        taken.add(number)
        phone = f"1{draw.choice('3456789')}{draw.randrange(10**9):09d}"
        players.append(Player(len(players), registered_name(number), number, phone))
    return players


def give_parts(players: Sequence[Player], late: int, seconds: int) -> None:
    """Lets the last few play before they verify: some of them as second accounts of the first people."""
    for player in players[len(players) - late - seconds :]:
        player.verifies_late = True
    for first, second in zip(players[:seconds], players[len(players) - seconds :], strict=True):
        second.first, second.name, second.resident_id = first, first.name, first.resident_id


def give_entrances(players: Sequence[Player], applicants: int, invited: int) -> None:
    """Lets a few who have no part yet verify step by step, and others come because somebody invites them."""
    firsts = {player.first.number for player in players if player.first is not None}
    others = [player for player in players if not player.verifies_late and player.number not in firsts]
    for player in others[:applicants]:
        player.applies = True
    guests, hosts = others[applicants : applicants + invited], others[applicants + invited :]
    for number, player in enumerate(guests):
        player.inviting = hosts[number // GUESTS_OF_A_HOST]


def invent_friendships(people: int, each: int, seed: str) -> list[tuple[int, int]]:
    """Pairs of people (by number) of whom the first asks the second; no pair twice, in either direction."""
    draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    pairs: set[tuple[int, int]] = set()
    asked: list[tuple[int, int]] = []
    for person in range(people):
        # In a tiny evening there may be fewer people than friends wanted.
        others = draw.sample(range(people), min(people, each + 1))
        for other in [number for number in others if number != person][:each]:
            pair = (min(person, other), max(person, other))
            if pair not in pairs:
                pairs.add(pair)
                asked.append((person, other))
    return asked

"""What a score is computed from."""

from __future__ import annotations

from dataclasses import dataclass

from services.identity.domain.people import PersonId

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class OwnFacts:
    """What identity knows of a person itself."""

    channels: int
    """Outside channels that have confirmed the person; 0 for a provisional one."""
    known_since_ms: int
    """When the first account was opened."""
    open_cases: int
    """Failed checks that are neither answered nor passed since."""
    loans_repaid: int
    loans_late: int
    """Open ones whose time is over."""
    loans_written_off: int
    owed_fen: int
    """Of all open loans."""
    conducts: int
    """What was judged against the person within the last year."""

    def __post_init__(self) -> None:
        assert min(self.channels, self.open_cases, self.conducts, self.owed_fen) >= 0, "nothing is below none"
        assert min(self.loans_repaid, self.loans_late, self.loans_written_off) >= 0, "nothing is below none"


@dataclass(frozen=True, slots=True)
class WalletFacts:
    """What settlement knows of a person."""

    as_of_ms: int
    balance_fen: int
    """Below 0 for nobody."""
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class RelationFacts:
    """What social knows of a person, and identity of the friends."""

    as_of_ms: int
    friends: int
    verified_permille: int
    """Of every thousand friends, how many are verified."""

    @property
    def verified_friends(self) -> int:
        """How many that is, rounded down."""
        return self.friends * self.verified_permille // 1000


@dataclass(frozen=True, slots=True)
class Signals:
    """All that is known at a moment; None for what nobody could be asked about yet."""

    now_ms: int
    own: OwnFacts
    wallet: WalletFacts | None
    relations: RelationFacts | None

    @property
    def known_days(self) -> int:
        """For how many days the person is known."""
        return max(0, self.now_ms - self.own.known_since_ms) // DAY_MS


@dataclass(frozen=True, slots=True)
class Known:
    """A person as identity knows them, at the moment of a look."""

    person_id: PersonId
    """The verified person where a provisional one was merged into somebody."""
    is_verified: bool
    facts: OwnFacts

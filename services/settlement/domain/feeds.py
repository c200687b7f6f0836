"""Feeds: where a record stands, and what can be said about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.shards.hashing import shard_of, shards_of
from services.settlement.domain.errors import Contradiction, FundsInTransit
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfers import TransferStatus

_FEW_PERSONS = 16
"""Up to so many, one by one is faster than a column."""


@dataclass(frozen=True, slots=True)
class FeedPlace:
    """One record of a feed, or several in a row, on the way into one shard's state."""

    state: SettlementState
    source: str
    """`<service>/<shard>`."""
    source_shard: int
    seq: int
    """Position in the source's journal; of several records that are carried out together, the last one's."""
    first_seq: int = 0
    """The first of several records; 0 when it is one."""
    records: int = 1
    """How many with an effect they are."""

    @property
    def step(self) -> int:
        """How many events the record has caused so far."""
        return self.state.ledger.next_step(self.source, self.seq)

    @property
    def done(self) -> bool:
        """Whether the record has had all its effect."""
        cursor = self.state.ledger.cursors.get(self.source)
        return cursor is not None and self.seq <= cursor.seq

    def event(self, *, reported_fen: int = 0, more: bool = False) -> pb.SettlementEvent:
        """The beginning of the record's next event."""
        position = pb.FeedPosition(
            source=self.source,
            source_seq=self.seq,
            step=self.step,
            more=more,
            reported_fen=reported_fen,
        )
        if self.records > 1:
            position.first_seq, position.records = self.first_seq, self.records
        return pb.SettlementEvent(position=position)

    def transfer_id(self, index: int = 0) -> str:
        """The id of a transfer of the record's next event."""
        return f"{self.source}:{self.seq}:{self.step}:{index}"

    def checked(self, event: pb.SettlementEvent) -> pb.SettlementEvent:
        """The event, if the ledger takes it. Raises `Contradiction`."""
        verdict = self.state.check(event)
        if verdict.status is TransferStatus.DEBIT_ACCOUNT_FROZEN:
            raise FundsInTransit(
                f"{self.source} record {self.seq} waits until {verdict.account_id} is freed",
                source=self.source,
                seq=self.seq,
                account_id=verdict.account_id,
            )
        if not verdict.created:
            raise self.contradiction(f"the ledger answers {verdict}")
        return event

    def expect(self, holds: bool, sentence: str) -> None:  # noqa: FBT001 - reads as an assertion
        """Raises `Contradiction`, with the sentence, unless the condition holds."""
        if not holds:
            raise self.contradiction(sentence)

    def expect_persons(self, person_ids: Sequence[int]) -> None:
        """Raises `Contradiction` unless all these persons have their wallets on this shard."""
        self.expect(min(person_ids) > 0, "a person's id is not above 0")
        shard, shard_count = self.state.shard, self.state.shard_count
        if len(person_ids) <= _FEW_PERSONS:
            at_home = all(shard_of(person_id, shard_count) == shard for person_id in person_ids)
        else:
            at_home = bool((shards_of(person_ids, shard_count) == shard).all())
        self.expect(at_home, "a person belongs to another shard")

    def contradiction(self, sentence: str) -> Contradiction:
        """The error that stops the feed."""
        return Contradiction(f"{self.source} record {self.seq}: {sentence}", source=self.source, seq=self.seq)

    def funds_in_transit(self, account_id: str) -> FundsInTransit:
        """The error that makes the feed wait."""
        return FundsInTransit(
            f"{self.source} record {self.seq} waits for the money of {account_id}",
            source=self.source,
            seq=self.seq,
            account_id=account_id,
        )

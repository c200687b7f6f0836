"""What a shard knows of people: who is verified, who turned out to be whom, cards, and what has left wallets.

Identity's feed tells it. The state is the same whether people are asked about or not (`everybody`): that only
decides what is done next, never what an event on record means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1 import person_events_pb2 as persons_pb
from services.mesh.timestamps import milliseconds
from services.settlement.domain.tiers import Allowance, Outflow, PersonTier, allowance, year_in_beijing

_EVERYBODY = PersonTier.III


@dataclass(frozen=True, slots=True)
class BoundCard:
    """A bank card that a person may withdraw to."""

    card_id: int
    card_masked: str
    """The number with its middle hidden."""
    bank_name: str


@dataclass(slots=True)
class Merge:
    """A provisional person who turned out to be a person who was known before."""

    person_id: int
    """The known person."""
    sent_on: int = 0
    """How often money that came to the wallet of the provisional one was sent on."""


class People:
    """A shard's chapter on people."""

    def __init__(self, *, everybody: bool = True) -> None:
        self.everybody = everybody
        """Whether people are checked elsewhere: everybody counts as known, and no tier bounds anything."""
        self.verified: set[int] = set()
        self.merges: dict[int, Merge] = {}
        """By provisional person."""
        self._higher_tiers: dict[int, PersonTier] = {}
        """Of those above tier I, which is what almost all are."""
        self._cards: dict[int, dict[int, BoundCard]] = {}
        """By person and card."""
        self._outflows: dict[int, Outflow] = {}

    def knows_all(self, person_ids: Iterable[int]) -> bool:
        """Whether winnings of all of them go to their wallets. One call for a whole column."""
        return self.everybody or self.verified.issuperset(person_ids)

    def knows(self, person_id: int) -> bool:
        """Whether winnings of a person go to the wallet."""
        return self.everybody or person_id in self.verified

    def tier(self, person_id: int) -> PersonTier | None:
        """The tier of a verified person; None for others. Where people are checked elsewhere, the highest."""
        if self.everybody:
            return _EVERYBODY
        if person_id not in self.verified:
            return None
        return self._higher_tiers.get(person_id, PersonTier.I)

    def allowance(self, person_id: int, at_ms: int) -> Allowance | None:
        """What may leave a verified person's wallet at a moment; None for others, and without any bound."""
        tier = self.tier(person_id)
        if tier is None or self.everybody:
            return None
        return allowance(tier, self._outflows.get(person_id) or Outflow(), at_ms)

    def card(self, person_id: int, card_id: int) -> BoundCard | None:
        """A card that is bound to the person now; None for any other."""
        return self._cards.get(person_id, {}).get(card_id)

    def cards(self, person_id: int) -> Sequence[BoundCard]:
        """All cards of a person, oldest first."""
        return tuple(self._cards.get(person_id, {}).values())

    def note_left(self, person_id: int, amount_fen: int, at_ms: int) -> None:
        """Folds in that money has left a wallet; `at_ms` is the moment that it counts at."""
        outflow = self._outflows.setdefault(person_id, Outflow())
        outflow.left(amount_fen, year_in_beijing(at_ms))

    def note_came_back(self, person_id: int, amount_fen: int, at_ms: int) -> None:
        """Folds in that money has come back, whole or in part; `at_ms` is the moment that `note_left` had."""
        outflow = self._outflows.get(person_id)
        if outflow is not None:
            outflow.came_back(amount_fen, year_in_beijing(at_ms))

    def note(self, seq: int, time_ms: int, event: pb.SettlementEvent) -> None:  # noqa: ARG002 - see `Chapter`
        """See `Chapter.note`."""
        match event.WhichOneof("fact"):
            case "person":
                self._note_person(event.person)
            case "wallet_hold_created":
                held = event.wallet_hold_created
                self.note_left(held.person_id, held.amount_fen, milliseconds(held.hold_ends_at))
            case "wallet_hold_ended":
                ended = event.wallet_hold_ended
                self.note_came_back(ended.person_id, ended.returned_fen, milliseconds(ended.hold_ends_at))

    def freeze(self) -> Callable[[pb.ShardSnapshot], None]:
        """See `Chapter.freeze`."""
        verified = list(self.verified)
        tiers = dict(self._higher_tiers)
        merges = [(provisional, merge.person_id, merge.sent_on) for provisional, merge in self.merges.items()]
        cards = [
            (person_id, card) for person_id, of_person in self._cards.items() for card in of_person.values()
        ]
        outflows = [
            (person_id, outflow.lifetime_fen, outflow.year, outflow.year_fen, outflow.year_before_fen)
            for person_id, outflow in self._outflows.items()
        ]

        def write(snapshot: pb.ShardSnapshot) -> None:
            people = snapshot.people
            # A set has no order of its own, and the same state should be the same bytes.
            people.person_ids.extend(sorted(verified))
            people.tiers = bytes(tiers.get(person_id, PersonTier.I) for person_id in people.person_ids)
            for provisional, person_id, sent_on in merges:
                merged = persons_pb.PersonMerged(provisional_person_id=provisional, person_id=person_id)
                people.merges.add(merged=merged, sent_on=sent_on)
            people.cards.extend(_card_messages(cards))
            for person_id, lifetime_fen, year, year_fen, year_before_fen in outflows:
                people.outflows.add(
                    person_id=person_id,
                    lifetime_fen=lifetime_fen,
                    year=year,
                    year_fen=year_fen,
                    year_before_fen=year_before_fen,
                )

        return write

    def restore(self, snapshot: pb.ShardSnapshot) -> None:
        """See `Chapter.restore`."""
        people = snapshot.people
        for person_id, tier in zip(people.person_ids, people.tiers, strict=True):
            self._know(person_id, PersonTier(tier))
        for kept in people.merges:
            merged = kept.merged
            self.merges[merged.provisional_person_id] = Merge(merged.person_id, kept.sent_on)
        for card in people.cards:
            self._bind(card)
        for row in people.outflows:
            self._outflows[row.person_id] = Outflow(
                row.lifetime_fen, row.year, row.year_fen, row.year_before_fen
            )

    def _note_person(self, person: persons_pb.PersonEvent) -> None:
        match person.WhichOneof("event"):
            case "known":
                self._know(person.known.person_id, PersonTier(person.known.tier))
            case "merged":
                self.merges[person.merged.provisional_person_id] = Merge(person.merged.person_id)
            case "card_bound":
                self._bind(person.card_bound)
            case "card_unbound":
                self._unbind(person.card_unbound)

    def _know(self, person_id: int, tier: PersonTier) -> None:
        self.verified.add(person_id)
        if tier is PersonTier.I:
            self._higher_tiers.pop(person_id, None)
        else:
            self._higher_tiers[person_id] = tier

    def _bind(self, card: persons_pb.PersonCardBound) -> None:
        bound = BoundCard(card.card_id, card.card_masked, card.bank_name)
        self._cards.setdefault(card.person_id, {})[card.card_id] = bound

    def _unbind(self, card: persons_pb.PersonCardUnbound) -> None:
        of_person = self._cards.get(card.person_id, {})
        of_person.pop(card.card_id, None)
        if not of_person:
            self._cards.pop(card.person_id, None)


def _card_messages(cards: Iterable[tuple[int, BoundCard]]) -> Iterator[persons_pb.PersonCardBound]:
    for person_id, card in cards:
        yield persons_pb.PersonCardBound(
            person_id=person_id,
            card_id=card.card_id,
            card_masked=card.card_masked,
            bank_name=card.bank_name,
        )

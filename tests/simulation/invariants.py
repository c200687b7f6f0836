"""What must be true at every moment, whatever happens to the mesh; checked again and again while it runs."""

from __future__ import annotations

from services.settlement.domain.books import Books, prove
from services.settlement.domain.shard_books import shard_books
from tests.simulation.cards import CardRules
from tests.simulation.disk import DiskReader
from tests.simulation.envelopes import EnvelopeRules
from tests.simulation.mesh import SimulatedMesh
from tests.simulation.packets import PacketRules
from tests.simulation.people import PeopleRules
from tests.simulation.processes import SHARDS

LOOK_S = 0.5
"""How often the disk is looked at, seconds; besides, before every answer that somebody got is believed."""


class Invariants:
    """Reads the disk as it fills, and raises AssertionError at the first record that may not be."""

    def __init__(self, mesh: SimulatedMesh) -> None:
        self.packets = PacketRules()
        self.envelopes = EnvelopeRules(self.packets)
        self.cards = CardRules()
        self.people = PeopleRules()
        self.records = 0
        self._mesh = mesh
        self._reader = DiskReader(mesh.disk)
        self._epochs: dict[tuple[str, int], int] = {}

    async def watch(self) -> None:
        """Looks again and again; never returns."""
        while True:
            await self.look()
            self._check_ledgers()
            await self._mesh.clock.sleep(LOOK_S)

    async def look(self) -> None:
        """Takes in what was written since the last look."""
        for written in await self._reader.news():
            self.records += 1
            key, epoch = (written.service, written.shard), written.record.epoch
            assert epoch >= self._epochs.get(key, 0), f"{key}: an owner wrote after its successor had begun"
            self._epochs[key] = epoch
            if written.service == "allocation":
                if written.event.WhichOneof("event") == "envelope":
                    self.envelopes.follow(written, written.event.envelope)
                else:
                    self.packets.follow(written)
            elif written.service == "cards":
                self.cards.follow(written)
            else:
                self.people.follow(written)
        self.packets.check()
        self.envelopes.check()
        self.cards.check()
        self.people.check()

    async def expect_win(self, stock_id: str, person_id: int, amount_fen: int) -> None:
        """Somebody was told to have won: by then it must be on the disk."""
        await self.look()
        found = self.packets.amount_fen(stock_id, person_id)
        assert found == amount_fen, f"{person_id} was told of {amount_fen} fen, the disk has {found}"

    async def expect_envelope(self, envelope_id: int) -> None:
        """Somebody was told that an envelope is paid for."""
        await self.look()
        sent = self.envelopes.sent.get(envelope_id)
        assert sent is not None, f"envelope {envelope_id} was acknowledged, but is not on the disk"
        assert sent.is_opened, f"envelope {envelope_id} was acknowledged, but is not open on the disk"

    async def expect_share(self, envelope_id: int, person_id: int, amount_fen: int) -> None:
        """Somebody was told of a share."""
        await self.look()
        found = self.envelopes.share_fen(envelope_id, person_id)
        assert found == amount_fen, f"{person_id} was told of {amount_fen} fen, the disk has {found}"

    async def expect_ask(self, ask_id: int) -> None:
        """Somebody was told that their ask was made."""
        await self.look()
        assert ask_id in self.envelopes.asks, f"ask {ask_id} was acknowledged, but is not on the disk"

    async def expect_gift(self, request_id: str) -> None:
        """Somebody was told that a gift was sent."""
        await self.look()
        assert request_id in self.cards.gifts, f"gift {request_id} was acknowledged, but is not on the disk"

    async def expect_card_ask(self, request_id: str) -> None:
        """Somebody was told that their ask for a card was made."""
        await self.look()
        assert request_id in self.cards.asks, f"ask {request_id} was acknowledged, but is not on the disk"

    async def expect_exchange(self, what: tuple[int, int, int], is_ask: bool, state: int) -> None:  # noqa: FBT001 - as it is listed
        """Somebody was told how a gift or an ask ended: giver, receiver and card."""
        await self.look()
        assert self.cards.ended[(*what, is_ask, state)], f"{what} was said to be {state}; the disk has not"

    async def expect_set(self, person_id: int) -> None:
        """Somebody was told to have completed a set."""
        await self.look()
        # Another account of theirs may have been faster.
        assert self.cards.real(person_id) in self.cards.completed_people, (
            f"{person_id}'s set was acknowledged, but is not on the disk"
        )

    def books(self) -> Books:
        """The proof that the books make, from the ledgers of those who own them."""
        shards = []
        for place in self._mesh.steward.places:
            if place.service == "settlement" and place.holder is not None and place.is_served:
                assert place.holder.host is not None
                held = place.holder.host.owned(place.shard)
                shards.append(shard_books(held.number, held.seq, held.state.ledger, (), {}))
        return prove(shards, SHARDS["settlement"])

    def _check_ledgers(self) -> None:
        """Each shard's books prove themselves at any moment; all of them together only at rest."""
        books = self.books()
        assert not books.violations, books.violations
        for line in books.lines:
            is_of_one_shard = line.subject.startswith(("shard", "feed")) and " to " not in line.subject
            assert not (is_of_one_shard and line.difference_fen), line
        for campaign in books.campaigns:
            won_fen = sum(self.packets.wins().values())
            assert campaign.packets_fen <= won_fen, "nobody is credited what was not won"

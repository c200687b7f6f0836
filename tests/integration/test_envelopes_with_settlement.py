"""Envelopes over real journals and the real ledger, and crashes between every two of their records."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hongbao.allocation.v1 import envelope_events_pb2 as events
from hongbao.allocation.v1 import envelope_pb2 as pb
from tests.integration.allocation_mesh import people_of
from tests.integration.envelope_mesh import EnvelopeMesh

WALLET_FEN = 1_000
EXPIRY_S = 60
QUICK = {"envelope_wait_ms": 500, "envelope_expiry_ms": EXPIRY_S * 1_000, "feed_poll_ms": 5_000}
GROUP = 9
# Two persons of each of allocation's shards 0 and 1, whose wallets are on different shards of settlement.
SENDER, MEMBER = people_of(0, 2)
FRIEND, GUEST = people_of(1, 2)
EVERYBODY = (SENDER, MEMBER, FRIEND, GUEST)
MEMBERS = events.Audience(group_id=GROUP)
FRIENDS = events.Audience(friends=True)


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[EnvelopeMesh]:
    async with EnvelopeMesh(tmp_path, **QUICK) as made:
        made.social.befriend(*EVERYBODY)
        made.social.groups[GROUP] = set(EVERYBODY)
        await made.begin()
        await made.fill_wallets(EVERYBODY, WALLET_FEN)
        yield made


class Evening:
    """People who do what people do, who repeat what failed, and who note what they were told."""

    def __init__(self, mesh: EnvelopeMesh) -> None:
        self.mesh = mesh
        self.told: dict[tuple[int, int], int] = {}
        """Shares by envelope and person, fen."""
        self.envelope_ids: list[tuple[int, int]] = []
        """With their senders."""

    async def send(self, sender: int, amount_fen: int, shares: int, audience: events.Audience) -> int:
        single = bool(audience.person_id)
        request = pb.SendEnvelopeRequest(
            request_id=self._request_id(),
            sender_id=sender,
            kind=events.ENVELOPE_KIND_SINGLE if single else events.ENVELOPE_KIND_LUCKY,
            audience=audience,
            amount_fen=amount_fen,
            share_count=shares,
        )
        sent = await self.mesh.call(lambda stub: stub.SendEnvelope(request))
        return self._sent(sent.envelope)

    async def send_on(self, person: int, envelope_id: int, shares: int) -> int:
        request = pb.ReissuePacketRequest(
            request_id=self._request_id(),
            sender_id=person,
            source=events.PacketSource(envelope_id=envelope_id),
            audience=FRIENDS,
            share_count=shares,
        )
        sent = await self.mesh.call(lambda stub: stub.ReissuePacket(request))
        assert sent.envelope.lineage == [request.source]
        return self._sent(sent.envelope)

    async def claim(self, person: int, envelope_id: int) -> int:
        request = pb.ClaimEnvelopeRequest(envelope_id=envelope_id, person_id=person)
        claimed = await self.mesh.call(lambda stub: stub.ClaimEnvelope(request))
        told = self.told.setdefault((envelope_id, person), claimed.share.amount_fen)
        assert told == claimed.share.amount_fen
        return told

    async def ask(self, asker: int, giver: int) -> int:
        request = pb.MakeAskRequest(request_id=self._request_id(), asker_id=asker, giver_id=giver)
        return (await self.mesh.call(lambda stub: stub.MakeAsk(request))).ask.ask_id

    async def answer(self, giver: int, ask_id: int, amount_fen: int) -> int:
        request = pb.AnswerAskRequest(
            request_id=self._request_id(), ask_id=ask_id, giver_id=giver, amount_fen=amount_fen
        )
        answered = await self.mesh.call(lambda stub: stub.AnswerAsk(request))
        assert answered.ask.state == pb.ASK_STATE_ANSWERED
        return self._sent(answered.envelope)

    async def view(self, envelope_id: int, person: int) -> pb.GetEnvelopeResponse:
        request = pb.GetEnvelopeRequest(envelope_id=envelope_id, person_id=person)
        return await self.mesh.call(lambda stub: stub.GetEnvelope(request))

    async def all_over(self) -> dict[int, int]:
        """Lets their time pass; what everybody has to have in the end, by what all envelopes show."""
        await self.mesh.clock.advance(EXPIRY_S)
        wallets_fen: dict[int, int] = defaultdict(lambda: WALLET_FEN)
        for envelope_id, sender in self.envelope_ids:
            shown = await self._ended(envelope_id, sender)
            wallets_fen[sender] -= shown.envelope.claimed_fen
            assert sum(share.amount_fen for share in shown.shares) == shown.envelope.claimed_fen
            for share in shown.shares:
                wallets_fen[share.person_id] += share.amount_fen
                assert self.told[envelope_id, share.person_id] == share.amount_fen
            told = {person for told_of, person in self.told if told_of == envelope_id}
            assert {share.person_id for share in shown.shares} == told, "whoever was told of a share has it"
        return wallets_fen

    async def _ended(self, envelope_id: int, sender: int) -> pb.GetEnvelopeResponse:
        for _ in range(200):
            shown = await self.view(envelope_id, sender)
            if shown.envelope.HasField("ended_at"):
                return shown
            await self.mesh.clock.advance(0.05)
        raise AssertionError("an envelope has no end")

    def _sent(self, envelope: pb.Envelope) -> int:
        assert envelope.state >= pb.ENVELOPE_STATE_OPEN
        self.envelope_ids.append((envelope.envelope_id, envelope.sender_id))
        return envelope.envelope_id

    def _request_id(self) -> str:
        return str(uuid.uuid4())


async def play(mesh: EnvelopeMesh) -> None:
    """An evening with every kind of envelope, a fission, an ask, and an end; its books must be right."""
    evening = Evening(mesh)
    lucky = await evening.send(SENDER, 300, 3, MEMBERS)
    await evening.claim(FRIEND, lucky)
    await evening.claim(SENDER, lucky)
    single = await evening.send(MEMBER, 120, 1, events.Audience(person_id=GUEST))
    assert await evening.claim(GUEST, single) == 120
    fission = await evening.send_on(FRIEND, lucky, 2)
    await evening.claim(MEMBER, fission)
    ask_id = await evening.ask(GUEST, MEMBER)
    answer = await evening.answer(MEMBER, ask_id, 50)
    assert await evening.claim(GUEST, answer) == 50
    wallets_fen = await evening.all_over()

    def settled() -> bool:
        return all(mesh.wallet_fen(person) == wallets_fen[person] for person in EVERYBODY)

    await mesh.until(settled, "every wallet has what it should")
    books = mesh.proof()
    assert books.sound
    assert books.difference_fen == books.in_transit_fen == 0
    assert sum(wallets_fen.values()) == WALLET_FEN * len(EVERYBODY)


async def test_an_evening_is_booked_to_the_fen(mesh: EnvelopeMesh) -> None:
    await play(mesh)
    assert mesh.lives == 1


@pytest.mark.parametrize(
    ("dies_at", "knows_last"),
    [
        pytest.param(2, False, id="before a record, as soon as the one before it is on the disk"),
        pytest.param(1, True, id="when a record is on the disk, and nobody knows"),
    ],
)
async def test_a_crash_between_every_two_records_loses_nothing_and_does_nothing_twice(
    mesh: EnvelopeMesh,
    dies_at: int,
    knows_last: bool,  # noqa: FBT001 - given by pytest
) -> None:
    mesh.mortal.writes, mesh.mortal.dies_at, mesh.mortal.knows_last = 0, dies_at, knows_last
    await play(mesh)
    assert mesh.lives > 20, "every record of both services is followed by a crash"

"""Envelopes at allocation: many at once, money that is late, owners that change."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

import pytest

from hongbao.allocation.v1 import envelope_events_pb2 as events
from hongbao.allocation.v1 import envelope_pb2 as pb
from hongbao.allocation.v1 import envelope_pb2_grpc
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.journal.memory import MemoryStore
from services.mesh.shards.hashing import shard_of
from tests.integration.allocation_mesh import SHARDS, STOCK, AllocationMesh, people_of
from tests.integration.envelope_parties import WALLET_FEN, ToyBank, ToySocial

GROUP = 9
SENDER, *CROWD = people_of(0, 8) + people_of(1, 8)
T = TypeVar("T")


class Party(AllocationMesh):
    """Allocation beside wallets and groups."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(MemoryStore, envelope_wait_ms=300, **settings)
        self.bank = ToyBank(available_fen=10**9)  # type: ignore[abstract]  # all that is called
        self.settlement = self.bank
        self.social = ToySocial()  # type: ignore[abstract]  # as above
        self.social.groups[GROUP] = {SENDER, *CROWD}
        self.social.befriend(SENDER, *CROWD)

    async def start_settlement(self) -> None:
        await super().start_settlement()
        await self._serve("social", self.social.services(), "social-0")

    def envelopes(self, address: str = "local/a") -> envelope_pb2_grpc.EnvelopeServiceAsyncStub:
        return envelope_pb2_grpc.EnvelopeServiceStub(self.gateway_channels.channel(address))

    async def in_time(self, calling: Awaitable[T]) -> T:
        """The answer of a call that has to wait for something."""
        answer = asyncio.ensure_future(calling)
        while not answer.done():
            await self.pass_time(0.05)
        return answer.result()

    async def send(self, **changes: Any) -> pb.Envelope:
        return (await self.in_time(self.envelopes().SendEnvelope(order(**changes)))).envelope

    async def claim_share(
        self, envelope_id: int, person_id: int, address: str = "local/a"
    ) -> pb.ClaimEnvelopeResponse:
        request = pb.ClaimEnvelopeRequest(envelope_id=envelope_id, person_id=person_id)
        return await self.envelopes(address).ClaimEnvelope(request)


def order(**changes: Any) -> pb.SendEnvelopeRequest:
    values: dict[str, Any] = {
        "request_id": str(uuid.uuid4()),
        "sender_id": SENDER,
        "kind": events.ENVELOPE_KIND_LUCKY,
        "audience": events.Audience(group_id=GROUP),
        "amount_fen": 1_000,
        "share_count": 5,
        **changes,
    }
    return pb.SendEnvelopeRequest(**values)


@pytest.fixture
async def party() -> AsyncIterator[Party]:
    async with Party() as made:
        await made.start("a")
        yield made


async def test_of_a_crowd_that_claims_at_once_each_gets_one_share_and_the_rest_are_too_late(
    party: Party,
) -> None:
    envelope_id = (await party.send()).envelope_id
    claims = [party.claim_share(envelope_id, person) for person in CROWD for _ in range(3)]
    answers = await asyncio.gather(*claims, return_exceptions=True)
    shares = {
        (answer.share.person_id, answer.share.share_index, answer.share.amount_fen)
        for answer in answers
        if isinstance(answer, pb.ClaimEnvelopeResponse)
    }
    refused = [answer for answer in answers if isinstance(answer, ServiceError)]
    assert len(shares) == len({person for person, _, _ in shares}) == 5
    assert sorted(index for _, index, _ in shares) == [0, 1, 2, 3, 4]
    assert sum(amount for _, _, amount in shares) == 1_000
    assert {error.reason for error in refused} == {"ENVELOPE_EMPTY"}
    assert len(answers) == len(refused) + 3 * 5


async def test_a_request_that_comes_many_times_at_once_is_one_envelope(party: Party) -> None:
    request = order()
    sent = await asyncio.gather(*(party.envelopes().SendEnvelope(request) for _ in range(10)))
    assert len({answer.envelope.envelope_id for answer in sent}) == 1
    assert party.bank.wallets_fen[SENDER] == WALLET_FEN - 1_000


async def test_the_last_one_marks_the_best_luck(party: Party) -> None:
    envelope_id = (await party.send()).envelope_id
    amounts = [(await party.claim_share(envelope_id, person)).share.amount_fen for person in CROWD[:5]]
    request = pb.GetEnvelopeRequest(envelope_id=envelope_id, person_id=SENDER)
    shown = await party.envelopes().GetEnvelope(request)
    best = amounts.index(max(amounts))
    assert [share.best_luck for share in shown.shares] == [index == best for index in range(5)]
    assert shown.envelope.best_luck_person_id == CROWD[best]
    assert [share.amount_fen for share in shown.shares] == amounts


async def test_a_member_who_left_keeps_the_share_and_others_who_left_get_none(party: Party) -> None:
    envelope_id = (await party.send()).envelope_id
    first = await party.claim_share(envelope_id, CROWD[0])
    party.social.groups[GROUP] = {SENDER}
    assert (await party.claim_share(envelope_id, CROWD[0])).share == first.share
    with pytest.raises(ServiceError, match="NOT_IN_AUDIENCE"):
        await party.claim_share(envelope_id, CROWD[1])


async def test_nobody_is_let_in_while_social_does_not_answer(party: Party) -> None:
    envelope_id = (await party.send()).envelope_id
    party.network.cut("local/social-0")
    with pytest.raises(ServiceError) as failure:
        await party.in_time(party.claim_share(envelope_id, CROWD[0]))
    assert failure.value.kind in {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE}
    request = pb.GetShareRequest(envelope_id=envelope_id, person_id=CROWD[0])
    stub = envelope_pb2_grpc.EnvelopeServiceStub(party.peer_channels.channel("local/a"))
    with pytest.raises(ServiceError, match="SHARE_UNKNOWN"):
        await stub.GetShare(request)


async def test_a_packet_is_sent_on_as_soon_as_its_money_has_arrived(party: Party) -> None:
    await party.open_round()
    [outcome] = (await party.claim(shard_of(SENDER, SHARDS), [SENDER])).amounts_fen
    party.bank.wallets_fen[SENDER] = 0
    request = _reissue()
    with pytest.raises(ServiceError, match="ENVELOPE_PENDING"):
        await party.in_time(party.envelopes().ReissuePacket(request))
    party.bank.wallets_fen[SENDER] = outcome
    sent = await party.in_time(party.envelopes().ReissuePacket(request))
    assert sent.envelope.state == pb.ENVELOPE_STATE_OPEN
    assert sent.envelope.amount_fen == outcome
    assert [source.stock_id for source in sent.envelope.lineage] == [STOCK]
    with pytest.raises(ServiceError, match="PACKET_REISSUED"):
        await party.envelopes().ReissuePacket(_reissue())


async def test_a_packet_whose_money_was_spent_is_refused_in_the_end_and_can_be_sent_on_later(
    party: Party,
) -> None:
    await party.open_round()
    [outcome] = (await party.claim(shard_of(SENDER, SHARDS), [SENDER])).amounts_fen
    party.bank.wallets_fen[SENDER] = outcome - 1
    request = _reissue()
    with pytest.raises(ServiceError, match="ENVELOPE_PENDING"):
        await party.in_time(party.envelopes().ReissuePacket(request))
    await party.pass_time(11)
    with pytest.raises(ServiceError, match="BALANCE_INSUFFICIENT") as failure:
        await party.envelopes().ReissuePacket(request)
    assert failure.value.metadata["available_fen"] == str(outcome - 1)
    party.bank.wallets_fen[SENDER] = outcome
    sent = await party.in_time(party.envelopes().ReissuePacket(_reissue()))
    assert sent.envelope.amount_fen == outcome


async def test_what_a_lost_answer_left_open_is_completed_by_the_next_owner(party: Party) -> None:
    party.bank.lost_answers = [
        ServiceError.rebuilt(
            kind=ErrorKind.UNAVAILABLE,
            domain="hongbao.mesh",
            reason="UNREACHABLE",
            message="gone",
            metadata={},
            retry_delay_ms=None,
        )
        for _ in range(200)
    ]
    request = order()
    with pytest.raises(ServiceError, match="ENVELOPE_PENDING"):
        await party.in_time(party.envelopes().SendEnvelope(request))
    await party.crash(party.instances["a"])
    party.bank.lost_answers.clear()
    await party.start("b", epoch=2)
    sent = await party.in_time(party.envelopes("local/b").SendEnvelope(request))
    assert sent.envelope.state == pb.ENVELOPE_STATE_OPEN
    assert party.bank.wallets_fen[SENDER] == WALLET_FEN - 1_000


async def test_a_handed_over_shard_knows_its_envelopes_and_asks(party: Party) -> None:
    envelope = await party.send()
    claimed = await party.claim_share(envelope.envelope_id, CROWD[0])
    asking = pb.MakeAskRequest(request_id=str(uuid.uuid4()), asker_id=CROWD[0], giver_id=SENDER, note="讨")
    ask = (await party.envelopes().MakeAsk(asking)).ask
    home = shard_of(SENDER, SHARDS)
    await party.start("b", shards=())
    await party.instances["a"].host.give(home)
    await party.take(party.instances["b"], home, epoch=2)
    assert (await party.claim_share(envelope.envelope_id, CROWD[0], "local/b")).share == claimed.share
    looking = pb.ListAsksRequest(giver_id=SENDER)
    assert list((await party.envelopes("local/b").ListAsks(looking)).asks) == [ask]
    listing = pb.ListEnvelopesRequest(sender_id=SENDER)
    [listed] = (await party.envelopes("local/b").ListEnvelopes(listing)).envelopes
    assert listed == claimed.envelope


async def test_what_is_left_goes_back_once_and_in_the_end_all_is_forgotten() -> None:
    async with Party(envelope_expiry_ms=5_000, envelopes_kept_ms=5_000) as party:
        await party.start("a")
        envelope = await party.send()
        await party.claim_share(envelope.envelope_id, CROWD[0])
        await party.pass_time(7)
        request = pb.GetEnvelopeRequest(envelope_id=envelope.envelope_id, person_id=SENDER)
        shown = (await party.envelopes().GetEnvelope(request)).envelope
        assert shown.state == pb.ENVELOPE_STATE_EXPIRED
        assert shown.claimed_fen + shown.returned_fen == shown.amount_fen
        await party.pass_time(6)
        with pytest.raises(ServiceError, match="ENVELOPE_UNKNOWN"):
            await party.envelopes().GetEnvelope(request)
        feed = [record.event.envelope for record in await party.feed(shard_of(SENDER, SHARDS))]
        assert [event.WhichOneof("event") for event in feed] == [
            "created",
            "opened",
            "share_claimed",
            "expired",
            "forgotten",
        ]
        assert feed[0].created.seed == b""


def _reissue() -> pb.ReissuePacketRequest:
    return pb.ReissuePacketRequest(
        request_id=str(uuid.uuid4()),
        sender_id=SENDER,
        source=events.PacketSource(stock_id=STOCK),
        audience=events.Audience(friends=True),
        share_count=1,
    )

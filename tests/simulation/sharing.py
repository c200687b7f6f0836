"""What guests send each other: envelopes of all kinds, packets sent on, and asks for some."""

from __future__ import annotations

from dataclasses import dataclass, field

from hongbao.gateway.v1 import envelope_pb2 as gateway
from hongbao.gateway.v1 import envelope_pb2_grpc, group_pb2, group_pb2_grpc
from services.cli.gala.acts.sharing import holds
from services.mesh.errors import ServiceError
from tests.simulation.guests import Guest, World

AMOUNT_FEN_MAX, SHARES_MAX = 300, 4
PAUSE_S_MIN, PAUSE_S_MAX = 0.5, 3.0
RECENT = 12
"""How many of the latest envelopes people still think of."""
MINDFUL = 0.8
"""The chance that somebody tries only what is meant for them."""
DECLINES = 0.3
GIVE_UP = frozenset(
    {
        "ASK_ANSWERED",
        "ASK_DECLINED",
        "ASK_EXPIRED",
        "ASKS_REPEATED",
        "BALANCE_INSUFFICIENT",
        "ENVELOPE_EMPTY",
        "ENVELOPE_EXPIRED",
        "ENVELOPE_REFUSED",
        "GROUP_FULL",
        "NOT_FRIENDS",
        "NOT_IN_AUDIENCE",
        "PACKET_REISSUED",
        "REISSUE_TOO_DEEP",
        # A friend may have turned out to be oneself.
        "SELF_ASK",
        "SENDER_UNVERIFIED",
        "SHARE_TOO_SMALL",
    }
)
"""What happens between people, and is nobody's fault."""


@dataclass(slots=True)
class Chat:
    """What people tell each other outside the mesh: which packets there are."""

    envelopes: list[gateway.Envelope] = field(default_factory=list)
    groups: dict[int, set[int]] = field(default_factory=dict)
    """Everybody who came in, by group."""


class Correspondent:
    """A guest, as far as they send packets to people."""

    def __init__(self, guest: Guest, guests: list[Guest], world: World, chat: Chat) -> None:
        self._guest = guest
        self._guests = guests
        self._world = world
        self._chat = chat
        self._draw = guest.draw

    async def act(self) -> None:
        """Does one thing, whatever comes to mind."""
        acts = (self._send, self._open, self._open, self._send_on, self._ask, self._answer, self._meet)
        try:
            await self._draw.choice(acts)()
        except ServiceError as error:
            if error.reason not in GIVE_UP:
                raise
            self._world.told.outcomes[error.reason] += 1

    async def look_back(self) -> list[gateway.Envelope]:
        """All that the guest sent, as the mesh shows it."""
        request = gateway.ListEnvelopesRequest(page_size=3)
        sent: list[gateway.Envelope] = []
        while True:
            page = await self._guest.call(self._envelopes().ListEnvelopes, request)
            sent.extend(page.envelopes)
            if not page.next_page_token:
                return sent
            request.page_token = page.next_page_token

    async def look(self, envelope_id: int) -> gateway.GetEnvelopeResponse:
        """An envelope and who got what."""
        request = gateway.GetEnvelopeRequest(envelope_id=envelope_id, page_size=100)
        return await self._guest.call(self._envelopes().GetEnvelope, request)

    async def _send(self) -> None:
        balance_fen = await self._guest.balance_fen()
        if balance_fen < 2:
            return
        amount_fen = self._draw.randint(1, min(balance_fen, AMOUNT_FEN_MAX))
        kind = self._draw.choice(
            (gateway.ENVELOPE_KIND_SINGLE, gateway.ENVELOPE_KIND_LUCKY, gateway.ENVELOPE_KIND_EQUAL)
        )
        shares = 1 if kind == gateway.ENVELOPE_KIND_SINGLE else self._draw.randint(1, SHARES_MAX)
        if kind == gateway.ENVELOPE_KIND_EQUAL:
            amount_fen = max(1, amount_fen // shares) * shares
        others = [guest for guest in self._guests if guest.person_id != self._guest.person_id]
        audience = (
            gateway.Audience(person_id=self._draw.choice(others).person_id)
            if kind == gateway.ENVELOPE_KIND_SINGLE
            else self._some_audience()
        )
        request = gateway.SendEnvelopeRequest(
            request_id=self._guest.request_id(),
            kind=kind,
            audience=audience,
            amount_fen=amount_fen,
            share_count=shares,
            note="恭喜发财",
        )
        answer = await self._guest.call(self._envelopes().SendEnvelope, request)
        await self._announce(answer.envelope)

    async def _send_on(self) -> None:
        """Sends on what was won, or got; tried again and again, it works once a packet."""
        told, person_id = self._world.told, self._guest.person_id
        rounds = sorted(stock_id for stock_id, winner in told.wins if winner == person_id)
        shares = sorted(envelope_id for envelope_id, owner in told.shares if owner == person_id)
        if not (rounds or shares):
            return
        if rounds and (not shares or self._draw.random() < 0.5):
            campaign_id, _, round_id = self._draw.choice(rounds).partition(".")
            source = gateway.PacketSource(
                round=gateway.RoundOfPacket(campaign_id=campaign_id, round_id=round_id)
            )
        else:
            source = gateway.PacketSource(envelope_id=self._draw.choice(shares))
        request = gateway.ReissuePacketRequest(
            request_id=self._guest.request_id(),
            source=source,
            audience=self._some_audience(),
            share_count=self._draw.randint(1, SHARES_MAX),
        )
        answer = await self._guest.call(self._envelopes().ReissuePacket, request)
        await self._announce(answer.envelope)

    async def _open(self) -> None:
        """Tries to get a share of some envelope, theirs to claim or not, had before or not."""
        heard_of = self._chat.envelopes[-RECENT:]
        if self._draw.random() < MINDFUL:
            heard_of = [envelope for envelope in heard_of if self._may_claim(envelope)]
        if not heard_of:
            return
        envelope_id = self._draw.choice(heard_of).envelope_id
        request = gateway.ClaimEnvelopeRequest(envelope_id=envelope_id)
        answer = await self._guest.call(self._envelopes().ClaimEnvelope, request)
        share, key = answer.share, (envelope_id, self._guest.person_id)
        assert share.person_id == self._guest.person_id
        before = self._world.told.shares.setdefault(key, share.amount_fen)
        assert before == share.amount_fen, "asking again returns the same share"
        await self._world.invariants.expect_share(*key, share.amount_fen)
        found = await self.look(envelope_id)
        assert sum(known.amount_fen for known in found.shares) == found.envelope.claimed_fen
        if found.envelope.seed:
            assert holds(found), "whoever got a share can recompute all of them"

    async def _ask(self) -> None:
        if not self._guest.friends:
            return
        request = gateway.MakeAskRequest(
            request_id=self._guest.request_id(),
            person_id=self._draw.choice(self._guest.friends).person_id,
            amount_fen=self._draw.randint(0, AMOUNT_FEN_MAX),
        )
        answer = await self._guest.call(self._envelopes().MakeAsk, request)
        await self._world.invariants.expect_ask(answer.ask.ask_id)

    async def _answer(self) -> None:
        waiting = await self._guest.call(
            self._envelopes().ListAsks, gateway.ListAsksRequest(open_only=True, page_size=5)
        )
        if not waiting.asks:
            return
        ask = self._draw.choice(waiting.asks)
        if self._draw.random() < DECLINES:
            decline = gateway.DeclineAskRequest(ask_id=ask.ask_id)
            await self._guest.call(self._envelopes().DeclineAsk, decline)
            return
        request = gateway.AnswerAskRequest(
            request_id=self._guest.request_id(),
            ask_id=ask.ask_id,
            amount_fen=self._draw.randint(1, AMOUNT_FEN_MAX),
        )
        answer = await self._guest.call(self._envelopes().AnswerAsk, request)
        assert answer.ask.envelope_id == answer.envelope.envelope_id
        await self._announce(answer.envelope)

    async def _meet(self) -> None:
        """Creates a group of friends, or brings a friend into one."""
        if not self._guest.friends:
            return
        stub = group_pb2_grpc.GroupServiceStub(self._world.channel())
        own = [group for group, members in self._chat.groups.items() if self._guest.person_id in members]
        friend = self._draw.choice(self._guest.friends).person_id
        if own:
            add = group_pb2.AddMemberRequest(group_id=self._draw.choice(own), person_id=friend)
            await self._guest.call(stub.AddMember, add)
            self._chat.groups[add.group_id].add(friend)
            return
        create = group_pb2.CreateGroupRequest(request_id=self._guest.request_id(), person_ids=[friend])
        created = await self._guest.call(stub.CreateGroup, create)
        self._chat.groups[created.group_id] = {self._guest.person_id, friend}

    async def _announce(self, envelope: gateway.Envelope) -> None:
        self._world.told.envelopes.add(envelope.envelope_id)
        await self._world.invariants.expect_envelope(envelope.envelope_id)
        self._chat.envelopes.append(envelope)

    def _some_audience(self) -> gateway.Audience:
        own = [group for group, members in self._chat.groups.items() if self._guest.person_id in members]
        if own and self._draw.random() < 0.5:
            return gateway.Audience(group_id=self._draw.choice(own))
        return gateway.Audience(friends=True)

    def _may_claim(self, envelope: gateway.Envelope) -> bool:
        """As far as people can tell."""
        audience, person_id = envelope.audience, self._guest.person_id
        match audience.WhichOneof("audience"):
            case "person_id":
                return audience.person_id == person_id
            case "group_id":
                return person_id in self._chat.groups.get(audience.group_id, ())
            case _:
                return envelope.sender_person_id in {friend.person_id for friend in self._guest.friends}

    def _envelopes(self) -> envelope_pb2_grpc.EnvelopeServiceStub:
        return envelope_pb2_grpc.EnvelopeServiceStub(self._world.channel())

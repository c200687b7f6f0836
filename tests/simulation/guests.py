"""The guests: people with a phone, who ask again when nobody answers, and remember what they were told."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc

from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import gateway_pb2_grpc as gateway_grpc
from hongbao.gateway.v1 import session_pb2, session_pb2_grpc
from services.mesh.errors import ErrorKind, ServiceError
from tests.simulation.invariants import Invariants
from tests.simulation.mesh import SimulatedMesh
from tests.simulation.told import Told

T = TypeVar("T")

PATIENCE_S = 90.0
"""How long an app keeps asking before it gives up, which fails the evening."""
CALL_S = 4.0
PAUSE_S = 0.2
PASSING = (ErrorKind.UNAVAILABLE, ErrorKind.EXHAUSTED, ErrorKind.DEADLINE, ErrorKind.ABORTED)
"""What is worth asking again: `hongbao gala` does the same."""
UNSURE = (ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE)
"""After these a tap may have won: the next one says that it is a retry."""
WON = (gateway.TAP_OUTCOME_WON, gateway.TAP_OUTCOME_ALREADY_WON)


class Guest:
    """One account of one person."""

    def __init__(self, name: str, resident_id: str, phone: str, world: World, draw: random.Random) -> None:
        self.name = name
        self.person_id = 0
        self.friends: list[Guest] = []
        self.draw = draw
        self.is_provisional = False
        """Whether nobody has proven yet who it is."""
        self._account = (0, "")
        self._resident_id = resident_id
        self._phone = phone
        self._world = world
        self._credentials: tuple[tuple[str, str], ...] = ()
        self._refresh_token = ""
        self._refreshing = asyncio.Lock()
        self._unanswered: set[str] = set()

    async def sign_up(self) -> None:
        """Registers, proves who the person is, unless that comes later, and signs in."""
        stub = self._accounts()
        register = gateway.RegisterRequest(
            request_id=self.request_id(), phone=self._phone, display_name=self.name
        )
        account = await self.call(stub.Register, register)
        self._account = account.account_id, account.login_secret
        if self.is_provisional:
            await self._sign_in()
        else:
            await self.verify()

    async def verify(self) -> None:
        """Proves who the person is, and signs in as them."""
        account_id, secret = self._account
        verify = gateway.VerifyPersonRequest(
            account_id=account_id, login_secret=secret, name=self.name, resident_id=self._resident_id
        )
        known_as = self.person_id
        person_id = (await self.call(self._accounts().VerifyPerson, verify)).person_id
        self.is_provisional = False
        if known_as not in (0, person_id):
            self._world.told.became[known_as] = person_id
        await self._sign_in()
        assert self.person_id == person_id, "the token speaks for the verified person"

    async def befriend(self, other: Guest) -> None:
        """Asks; the other accepts. Somebody who proves who they are meanwhile may be somebody else then."""
        known_as = (self.person_id, other.person_id)
        ask = gateway.RequestFriendRequest(person_id=other.person_id)
        await self.call(self._friends().RequestFriend, ask)
        accept = gateway.AcceptFriendRequest(person_id=self.person_id)
        await other.call(other._friends().AcceptFriend, accept)
        self.friends.append(other)
        other.friends.append(self)
        if known_as == (self.person_id, other.person_id):
            self._world.told.friendships.add(frozenset(known_as))

    async def tap(self, round_id: str) -> gateway.TapOutcome.ValueType | None:
        """Taps once; None when the mesh did not say how that ended."""
        told, stock_id = self._world.told, f"{self._world.campaign_id}.{round_id}"
        # Somebody who proves meanwhile who they are may be somebody else by the time of the answer.
        person_id, credentials = self.person_id, self._credentials
        request = gateway.TapRequest(
            campaign_id=self._world.campaign_id,
            round_id=round_id,
            taps=self.draw.randint(1, 60),
            retry=round_id in self._unanswered,
        )
        stub = gateway_grpc.TapServiceStub(self._world.channel())
        try:
            answer = await stub.Tap(request, timeout=CALL_S, metadata=credentials)
        except ServiceError as error:
            if error.reason == "TOKEN_EXPIRED":
                await self._stay_in()
            elif error.kind not in PASSING and error.reason != "ROUND_UNKNOWN":
                raise
            told.outcomes[error.reason] += 1
            if error.kind in UNSURE:
                self._unanswered.add(round_id)
            return None
        self._unanswered.discard(round_id)
        told.outcomes[gateway.TapOutcome.Name(answer.outcome)] += 1
        if answer.outcome in WON:
            before = told.wins.setdefault((stock_id, person_id), answer.amount_fen)
            assert before == answer.amount_fen, "asking again returns the same packet"
            await self._world.invariants.expect_win(stock_id, person_id, answer.amount_fen)
        return answer.outcome

    async def hand(self) -> Counter[int]:
        """How many of each card the person holds."""
        request = gateway.ListHandRequest(campaign_id=self._world.campaign_id)
        answer = await self.call(self._cards().ListHand, request)
        return Counter({held.card: held.count for held in answer.cards})

    async def give(self, other: Guest, card: int) -> None:
        """Offers a card to a friend."""
        request = gateway.GiftCardRequest(
            campaign_id=self._world.campaign_id,
            request_id=self.request_id(),
            to_person_id=other.person_id,
            card=gateway.Card.ValueType(card),
        )
        await self.call(self._cards().GiftCard, request)
        self._world.told.gifts.add(request.request_id)
        await self._world.invariants.expect_gift(request.request_id)

    async def ask_card(self, other: Guest, card: int) -> None:
        """Asks a friend for a card."""
        request = gateway.AskCardRequest(
            campaign_id=self._world.campaign_id,
            request_id=self.request_id(),
            asked_person_id=other.person_id,
            card=gateway.Card.ValueType(card),
        )
        await self.call(self._cards().AskCard, request)
        await self._world.invariants.expect_card_ask(request.request_id)

    async def exchanges(
        self, states: Sequence[gateway.CardExchangeState.ValueType] = ()
    ) -> list[gateway.CardExchange]:
        """The person's gifts and asks in these states, all of them, as the mesh lists them."""
        request = gateway.ListExchangesRequest(
            campaign_id=self._world.campaign_id, states=states, page_size=5
        )
        found: list[gateway.CardExchange] = []
        while True:
            page = await self.call(self._cards().ListExchanges, request)
            found.extend(page.exchanges)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def end_exchange(self, what: str, request: Any) -> gateway.CardExchange:
        """Accepts, answers, declines or takes back; the exchange as it has ended."""
        ended: gateway.CardExchange = (await self.call(getattr(self._cards(), what), request)).exchange
        return ended

    async def part(self, friend: Guest) -> None:
        """Ends a friendship."""
        told = self._world.told
        pair = told.pair((self.person_id, friend.person_id))
        told.friendships = {known for known in told.friendships if told.pair(known) != pair}
        self.friends.remove(friend)
        friend.friends.remove(self)
        request = gateway.RemoveFriendRequest(person_id=friend.person_id)
        await self.call(self._friends().RemoveFriend, request)

    async def complete(self) -> None:
        """Spends a set."""
        request = gateway.CompleteSetRequest(campaign_id=self._world.campaign_id)
        await self.call(self._cards().CompleteSet, request)
        self._world.told.sets.add(self.person_id)
        await self._world.invariants.expect_set(self.person_id)

    async def balance_fen(self) -> int:
        """What is in the wallet, fen."""
        stub = gateway_grpc.WalletServiceStub(self._world.channel())
        return (await self.call(stub.GetWallet, gateway.GetWalletRequest())).balance_fen

    async def friend_ids(self) -> set[int]:
        """Who the mesh says are friends."""
        answer = await self.call(self._friends().ListFriends, gateway.ListFriendsRequest(page_size=100))
        return {friend.person_id for friend in answer.friends}

    async def call(self, method: Callable[..., Awaitable[T]], request: Any) -> T:
        """Calls the mesh as this person until there is an answer. Raises what is not worth asking again."""
        try:
            return await self._world.patiently(
                lambda: method(request, timeout=CALL_S, metadata=self._credentials)
            )
        except ServiceError as error:
            if error.reason != "TOKEN_EXPIRED":
                raise
        await self._stay_in()
        return await self.call(method, request)

    def request_id(self) -> str:
        """A UUID that the seed decides."""
        return str(uuid.UUID(int=self.draw.getrandbits(128), version=4))

    async def _sign_in(self) -> None:
        account_id, secret = self._account
        issue = gateway.IssueTokenRequest(account_id=account_id, login_secret=secret)
        self._hold(await self.call(self._accounts().IssueToken, issue))

    async def _stay_in(self) -> None:
        """Lets the session go on when its token has ended."""
        stub = session_pb2_grpc.SessionServiceStub(self._world.channel())
        request = session_pb2.RefreshTokenRequest(
            refresh_token=self._refresh_token, request_id=self.request_id()
        )
        # Of several calls that meet the end of the token, one refreshes.
        async with self._refreshing:
            if request.refresh_token != self._refresh_token:
                return
            try:
                self._hold(await self._world.patiently(lambda: stub.RefreshToken(request, timeout=CALL_S)))
            except ServiceError as error:
                if error.kind is not ErrorKind.UNAUTHENTICATED:
                    raise
                # The answers were lost for too long: the session has ended, to be safe.
                await self._sign_in()

    def _hold(self, tokens: Any) -> None:
        token, self._refresh_token = tokens.access_token, tokens.refresh_token
        claims = token.split(".")[1]
        self.person_id = int(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["pid"])
        self._credentials = (("authorization", f"Bearer {token}"),)

    def _accounts(self) -> Any:
        return gateway_grpc.AccountServiceStub(self._world.channel())

    def _friends(self) -> Any:
        return gateway_grpc.FriendServiceStub(self._world.channel())

    def _cards(self) -> Any:
        return gateway_grpc.CardServiceStub(self._world.channel())


class World:
    """The mesh as people see it: one address, and what they were told by it."""

    def __init__(self, mesh: SimulatedMesh, invariants: Invariants, campaign_id: str) -> None:
        self.told = Told()
        self.invariants = invariants
        self.campaign_id = campaign_id
        self._mesh = mesh

    def channel(self) -> grpc.aio.Channel:
        """To the gateway."""
        return self._mesh.players.channel("local/gateway-1")

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Calls until there is an answer. Raises what is not worth asking again, or lasts too long."""
        clock = self._mesh.clock
        ends_s = clock.monotonic_s() + PATIENCE_S
        while True:
            try:
                return await call()
            except ServiceError as error:
                if error.kind not in PASSING or clock.monotonic_s() >= ends_s:
                    raise
                await clock.sleep((error.retry_delay_ms or 1000 * PAUSE_S) / 1000)

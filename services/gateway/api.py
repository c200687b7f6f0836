"""The gateway's contract services: who calls, within which limit, and who answers."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.desk import Answer, TapDesk
from services.gateway.domain.figures import Figures, Outcome
from services.gateway.domain.ports import Accounts, Caller, Cards, Friends, Money, Tokens
from services.mesh.clock import Clock
from services.mesh.language import LANGUAGE_KEY

_OUTCOMES = {outcome: gateway_pb2.TapOutcome.Value(f"TAP_OUTCOME_{outcome.name}") for outcome in Outcome}

AUTHORIZATION_KEY = "authorization"
"""Metadata key of the access token."""


class TapServicer(gateway_pb2_grpc.TapServiceServicer):
    """Takes taps: the hot path. What is answered here awaits nothing."""

    def __init__(
        self, tokens: Tokens, desk: TapDesk, money: Money, others: Bulkhead, shard_count: int
    ) -> None:
        self._tokens = tokens
        self._desk = desk
        self._money = money
        self._others = others
        # Answers without a packet are few and the same for everybody: made once.
        self._ready_made = {
            (outcome, shard): gateway_pb2.TapResponse(
                outcome=_OUTCOMES[outcome], answered_at_gateway=True, shard=shard
            )
            for outcome in Outcome
            for shard in range(shard_count)
        }

    async def Tap(self, request: Any, context: Any) -> Any:
        """See the contract."""
        header = _metadata(context, AUTHORIZATION_KEY)
        caller = self._tokens.known(header) or await self._tokens.verify(header)
        stock_id = f"{request.campaign_id}.{request.round_id}"
        shard, person_id, taps = caller.shard, caller.person_id, request.taps
        answer = self._desk.answer_here(stock_id, shard, person_id, taps)
        if answer is None:
            answer = await self._desk.ask_owner(stock_id, shard, person_id, taps)
            return _tap_response(answer, shard, answered_here=False)
        if answer.packet is None:
            return self._ready_made[answer.outcome, shard]
        return _tap_response(answer, shard, answered_here=True)

    async def ListRounds(self, request: Any, context: Any) -> Any:
        """See the contract."""
        await caller_of(context, self._tokens)
        with self._others.entered():
            return await self._money.list_rounds(request)


class AccountServicer(gateway_pb2_grpc.AccountServiceServicer):
    """Opens and proves accounts, for people who have no token yet."""

    def __init__(self, identity: Accounts, others: Bulkhead) -> None:
        self._identity = identity
        self._others = others

    async def Register(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.register(request, _metadata(context, LANGUAGE_KEY))

    async def VerifyPerson(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.verify_person(request, _metadata(context, LANGUAGE_KEY))

    async def GetCase(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.get_case(request, _metadata(context, LANGUAGE_KEY))

    async def IssueToken(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._identity.issue_token(request, _metadata(context, LANGUAGE_KEY))


class FriendServicer(gateway_pb2_grpc.FriendServiceServicer):
    """The caller's friendships."""

    def __init__(self, tokens: Tokens, social: Friends, limit: Bulkhead) -> None:
        self._tokens = tokens
        self._social = social
        self._limit = limit

    async def RequestFriend(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.request_friend(caller.person_id, request)

    async def AcceptFriend(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.accept_friend(caller.person_id, request)

    async def DeclineFriend(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.decline_friend(caller.person_id, request)

    async def ListFriends(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.list_friends(caller.person_id, request)

    async def ListFriendRequests(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._social.list_friend_requests(caller.person_id, request)


class CardServicer(gateway_pb2_grpc.CardServiceServicer):
    """The card game, as the caller plays it. Hands and gifts are social; the game and its sets are not."""

    def __init__(self, tokens: Tokens, cards: Cards, social: Bulkhead, others: Bulkhead) -> None:
        self._tokens = tokens
        self._cards = cards
        self._social = social
        self._others = others

    async def GetGame(self, request: Any, context: Any) -> Any:
        """See the contract."""
        await caller_of(context, self._tokens)
        with self._others.entered():
            return await self._cards.get_game(request)

    async def ListHand(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._social.entered():
            return await self._cards.list_hand(caller.person_id, request)

    async def GiftCard(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._social.entered():
            return await self._cards.gift_card(caller.person_id, request)

    async def CompleteSet(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._others.entered():
            return await self._cards.complete_set(caller.person_id, request)


class WalletServicer(gateway_pb2_grpc.WalletServiceServicer):
    """The caller's money."""

    def __init__(self, tokens: Tokens, money: Money, others: Bulkhead) -> None:
        self._tokens = tokens
        self._money = money
        self._others = others

    async def GetWallet(self, request: Any, context: Any) -> Any:  # noqa: ARG002 - the token says whose
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._others.entered():
            return await self._money.get_wallet(caller.person_id)


class OperatorServicer(gateway_pb2_grpc.OperatorServiceServicer):
    """What the operator reads."""

    def __init__(self, instance: str, figures: Figures, taps: Bulkhead, clock: Clock) -> None:
        self._instance = instance
        self._figures = figures
        self._taps = taps
        self._started_at_ms = clock.now_ms()

    async def GetGatewayFigures(self, request: Any, context: Any) -> Any:  # noqa: ARG002 - nothing is asked
        """See the contract."""
        figures = self._figures
        rows = list(figures.by_outcome())
        here = [count for _, is_here, count in rows if is_here]
        response = gateway_pb2.GetGatewayFiguresResponse(
            instance=self._instance,
            taps=sum(count.taps for _, _, count in rows),
            taps_answered_at_gateway=sum(count.taps for count in here),
            reports=sum(count.reports for _, _, count in rows),
            reports_answered_at_gateway=sum(count.reports for count in here),
            batches=figures.batches,
            batch_claims=figures.batch_claims,
            batch_claims_max=figures.batch_claims_max,
            batches_repeated=figures.batches_repeated,
            taps_overloaded=figures.taps_overloaded,
            taps_unanswered=figures.taps_unanswered,
            claims_waiting=self._taps.occupied,
            tokens_verified=figures.tokens_verified,
        )
        response.started_at.FromMilliseconds(self._started_at_ms)
        for outcome, is_here, count in rows:
            response.by_outcome.add(
                outcome=_OUTCOMES[outcome],
                answered_at_gateway=is_here,
                taps=count.taps,
                reports=count.reports,
            )
        return response


async def caller_of(context: Any, tokens: Tokens) -> Caller:
    """Who calls. Raises the errors named `Token...`."""
    header = _metadata(context, AUTHORIZATION_KEY)
    return tokens.known(header) or await tokens.verify(header)


def _tap_response(answer: Answer, shard: int, *, answered_here: bool) -> Any:
    packet = answer.packet
    return gateway_pb2.TapResponse(
        outcome=_OUTCOMES[answer.outcome],
        amount_fen=packet.amount_fen if packet is not None else 0,
        packet_index=packet.packet_index if packet is not None else None,
        answered_at_gateway=answered_here,
        shard=shard,
    )


def _metadata(context: Any, name: str) -> str:
    """A value of the call's metadata; empty when there is none."""
    for key, value in context.invocation_metadata() or ():
        if key == name:
            return str(value)
    return ""

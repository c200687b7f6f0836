"""Allocation and cards, as far as messages ask them: they know what a case has said that there is."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.allocation.v1 import envelope_events_pb2, envelope_pb2, envelope_pb2_grpc
from hongbao.cards.v1 import events_pb2, exchanges_pb2, exchanges_pb2_grpc
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.reach import Reach
from services.mesh.server import Service
from services.mesh.shards.directory import Directory
from services.mesh.shards.map import StaticShardMap
from services.mesh.shards.router import ShardRouter
from tests.contract.bench import Bench

_SHARDS = 2


class NotThere(ServiceError):
    """Nothing is known under this number."""

    kind = ErrorKind.NOT_FOUND
    reason = "ENVELOPE_UNKNOWN"


class Busy(ServiceError):
    """There is no answer."""

    kind = ErrorKind.EXHAUSTED
    reason = "OVERLOADED"


class SentAlong:
    """What there is, and both services over it."""

    def __init__(self) -> None:
        self.is_busy = False
        self._known: dict[Any, Any] = {}

    def packet(self, envelope_id: int, sender: int, state: str = "OPEN", **audience: Any) -> None:
        """There is an envelope; of two shares, the second person has one when it is not open."""
        is_open = state == "OPEN"
        self._known[envelope_id] = envelope_pb2.GetEnvelopeResponse(
            envelope=envelope_pb2.Envelope(
                envelope_id=envelope_id,
                sender_id=sender,
                audience=envelope_events_pb2.Audience(**audience),
                state=envelope_pb2.EnvelopeState.Value(f"ENVELOPE_STATE_{state}"),
                amount_fen=100,
                share_count=2,
                shares_claimed=0 if is_open else 1,
                claimed_fen=0 if is_open else 60,
            ),
            shares=[] if is_open else [envelope_pb2.Share(person_id=2, amount_fen=60)],
        )

    def ask(self, ask_id: int, asker: int, giver: int, state: str = "OPEN") -> None:
        """There is an ask for a packet."""
        self._known[ask_id] = envelope_pb2.GetAskResponse(
            ask=envelope_pb2.Ask(
                ask_id=ask_id,
                asker_id=asker,
                giver_id=giver,
                state=envelope_pb2.AskState.Value(f"ASK_STATE_{state}"),
            )
        )

    def card(self, exchange_id: str, kind: str, giver: int, receiver: int, state: str) -> None:
        """There is an exchange of a card."""
        self._known[exchange_id] = exchanges_pb2.GetExchangeResponse(
            exchange=exchanges_pb2.Exchange(
                exchange_id=exchange_id,
                kind=events_pb2.ExchangeKind.Value(f"EXCHANGE_KIND_{kind}"),
                giver_person_id=giver,
                receiver_person_id=receiver,
                state=events_pb2.ExchangeState.Value(f"EXCHANGE_STATE_{state}"),
            )
        )

    def fall_silent(self) -> None:
        """Neither of the two answers from now on."""
        self.is_busy = True

    def find(self, key: Any) -> Any:
        if self.is_busy:
            raise Busy("there is no answer")
        if key not in self._known:
            raise NotThere("there is no such thing")
        return self._known[key]

    async def reached(self, bench: Bench) -> Reach:
        """The way to it."""
        services = [
            Service(
                "hongbao.allocation.v1.EnvelopeService",
                Envelopes(self),  # type: ignore[abstract]  # nothing else is asked
                envelope_pb2_grpc.add_EnvelopeServiceServicer_to_server,
            ),
            Service(
                "hongbao.cards.v1.ExchangeService",
                Exchanges(self),  # type: ignore[abstract]  # nothing else is asked
                exchanges_pb2_grpc.add_ExchangeServiceServicer_to_server,
            ),
        ]
        address = await bench.serve("allocation", services)
        routers = {
            name: ShardRouter(
                StaticShardMap.with_one_owner(name, _SHARDS, address),
                clock=bench.clock,
            )
            for name in ("allocation", "cards")
        }
        return Reach(bench.channels("social"), Directory(fixed={}, clock=bench.clock), routers)


class Envelopes(envelope_pb2_grpc.EnvelopeServiceServicer):
    """Allocation."""

    def __init__(self, known: SentAlong) -> None:
        self._known = known

    async def GetEnvelope(self, request: Any, _context: Any) -> Any:
        return self._known.find(request.envelope_id)

    async def GetAsk(self, request: Any, _context: Any) -> Any:
        return self._known.find(request.ask_id)


class Exchanges(exchanges_pb2_grpc.ExchangeServiceServicer):
    """Cards."""

    def __init__(self, known: SentAlong) -> None:
        self._known = known

    async def GetExchange(self, request: Any, _context: Any) -> Any:
        return self._known.find(request.exchange_id)

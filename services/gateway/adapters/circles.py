"""Circles behind the gateway's contract: social's, with the caller as whoever acts."""

from __future__ import annotations

from google.protobuf.message import Message

from hongbao.gateway.v1 import circle_pb2 as gateway_pb2
from hongbao.social.v1 import circle_pb2 as social_pb2
from hongbao.social.v1.circle_pb2_grpc import CircleServiceStub
from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.retelling import asked, retold

_SERVICE = "social"
_WITHOUT_PERSON = frozenset({"GetCircle", "ListCircles"})
"""What is answered to everybody alike."""


class CircleClient:
    """`Circles` of social. Raises its errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def ask(self, method: str, person_id: int, request: Message) -> Message:
        """See `Circles.ask`."""
        kind: type[Message] = getattr(social_pb2, f"{method}Request")
        who = {} if method in _WITHOUT_PERSON else {"person_id": person_id}
        wanted = asked(kind, request, **who)
        answer: Message = await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(CircleServiceStub(channel), method)(wanted, timeout=timeout_s),
        )
        told: type[Message] = getattr(gateway_pb2, f"{method}Response")
        return retold(told, answer)

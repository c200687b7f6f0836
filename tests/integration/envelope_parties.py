"""Who envelopes are about, as allocation sees them: wallets in settlement, friends and groups in social."""
# ruff: noqa: ARG002, N802 - gRPC names the methods and hands them a context

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hongbao.settlement.v1 import settlement_pb2
from hongbao.social.v1 import group_pb2, group_pb2_grpc, social_pb2, social_pb2_grpc
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.server import Service
from tests.integration.allocation_mesh import ToySettlement

WALLET_FEN = 50_000


class ToyBank(ToySettlement):
    """Settlement with wallets: everybody has the same at first."""

    def __init__(self, available_fen: int) -> None:
        super().__init__(available_fen)
        self.wallets_fen: dict[int, int] = {}
        self.held: dict[int, settlement_pb2.CreateWalletHoldRequest] = {}
        self.too_late = False
        self.unverified: set[int] = set()
        """Persons whom nobody has verified."""
        self.limits_fen: dict[int, int] = {}
        """The most that may leave at once, by person."""

    def say_too_late(self) -> None:
        """Refuses envelopes from now on."""
        self.too_late = True

    async def CreateWalletHold(
        self, request: settlement_pb2.CreateWalletHoldRequest, context: Any
    ) -> settlement_pb2.CreateWalletHoldResponse:
        if self.too_late:
            raise ServiceError.rebuilt(
                kind=ErrorKind.PRECONDITION,
                domain="hongbao.settlement",
                reason="HOLD_TOO_LATE",
                message="too late",
                metadata={"envelope_id": str(request.envelope_id), "hold_ends_at_ms": "0"},
                retry_delay_ms=None,
            )
        self._check_may_leave(request)
        balance_fen = self.wallets_fen.setdefault(request.person_id, WALLET_FEN)
        if request.envelope_id not in self.held:
            if request.amount_fen > balance_fen:
                raise ServiceError.rebuilt(
                    kind=ErrorKind.PRECONDITION,
                    domain="hongbao.settlement",
                    reason="WALLET_INSUFFICIENT",
                    message="not enough",
                    metadata={
                        "person_id": str(request.person_id),
                        "available_fen": str(balance_fen),
                        "needed_fen": str(request.amount_fen),
                    },
                    retry_delay_ms=None,
                )
            self.wallets_fen[request.person_id] = balance_fen - request.amount_fen
            self.held[request.envelope_id] = request
        assert self.held[request.envelope_id] == request, "the same hold is asked for in the same words"
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        return settlement_pb2.CreateWalletHoldResponse(balance_fen=self.wallets_fen[request.person_id])

    def _check_may_leave(self, request: settlement_pb2.CreateWalletHoldRequest) -> None:
        limit_fen = self.limits_fen.get(request.person_id, request.amount_fen)
        if request.person_id in self.unverified:
            reason, metadata = "PERSON_UNVERIFIED", {}
        elif request.amount_fen > limit_fen:
            needed_fen = str(request.amount_fen)
            metadata = {"limit_fen": str(limit_fen), "used_fen": "0", "needed_fen": needed_fen}
            reason = "TIER_LIMIT_EXCEEDED"
        else:
            return
        raise ServiceError.rebuilt(
            kind=ErrorKind.PRECONDITION,
            domain="hongbao.settlement",
            reason=reason,
            message="may not leave",
            metadata={"person_id": str(request.person_id), **metadata},
            retry_delay_ms=None,
        )


class ToySocial(social_pb2_grpc.SocialServiceServicer, group_pb2_grpc.GroupServiceServicer):
    """Knows who belongs to whom."""

    def __init__(self) -> None:
        self.friendships: set[frozenset[int]] = set()
        self.groups: dict[int, set[int]] = {}

    def befriend(self, *person_ids: int) -> None:
        """Makes all of them friends of each other."""
        self.friendships |= {frozenset((one, other)) for one in person_ids for other in person_ids}

    async def CheckFriends(
        self, request: social_pb2.CheckFriendsRequest, context: Any
    ) -> social_pb2.CheckFriendsResponse:
        one = request.person_id
        return social_pb2.CheckFriendsResponse(
            are_friends=[
                other != one and frozenset((one, other)) in self.friendships
                for other in request.other_person_ids
            ]
        )

    async def CheckMembers(
        self, request: group_pb2.CheckMembersRequest, context: Any
    ) -> group_pb2.CheckMembersResponse:
        members = self.groups.get(request.group_id, set())
        return group_pb2.CheckMembersResponse(
            are_members=[person_id in members for person_id in request.person_ids]
        )

    def services(self) -> Sequence[Service]:
        """What it serves."""
        return (
            Service(
                "hongbao.social.v1.SocialService", self, social_pb2_grpc.add_SocialServiceServicer_to_server
            ),
            Service(
                "hongbao.social.v1.GroupService", self, group_pb2_grpc.add_GroupServiceServicer_to_server
            ),
        )

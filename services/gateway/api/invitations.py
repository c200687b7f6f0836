"""Invitations into campaigns."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import invitation_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.invitations import Invitations
from services.gateway.domain.ports import Tokens


class InvitationServicer(invitation_pb2_grpc.InvitationServiceServicer):
    """The caller's invitations."""

    def __init__(self, tokens: Tokens, invitations: Invitations, limit: Bulkhead) -> None:
        self._tokens = tokens
        self._invitations = invitations
        self._limit = limit

    async def CreateInvitation(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._invitations.create(caller.person_id, request)

    async def AcceptInvitation(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._invitations.accept(caller.person_id, request)

    async def ListInvited(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._invitations.list_invited(caller.person_id, request)

"""People around the caller."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import suggestion_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.neighbours import Neighbours
from services.gateway.domain.ports import Tokens


class SuggestionServicer(suggestion_pb2_grpc.SuggestionServiceServicer):
    """People around the caller."""

    def __init__(self, tokens: Tokens, neighbours: Neighbours, limit: Bulkhead) -> None:
        self._tokens = tokens
        self._neighbours = neighbours
        self._limit = limit

    async def ListMutualFriends(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._neighbours.mutual_friends(caller.person_id, request)

    async def GetSuggestions(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._neighbours.suggestions(caller.person_id, request)

"""Circles, in which people write by their credit."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import circle_pb2_grpc
from services.gateway.api.callers import caller_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.circles import Circles
from services.gateway.domain.pace import LanePace
from services.gateway.domain.ports import Tokens


class CircleServicer(circle_pb2_grpc.CircleServiceServicer):
    """Circles, for the caller."""

    def __init__(self, tokens: Tokens, pace: LanePace, circles: Circles, limit: Bulkhead) -> None:
        self._tokens = tokens
        self._pace = pace
        self._circles = circles
        self._limit = limit

    async def CreateCircle(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("CreateCircle", request, context)

    async def GetCircle(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("GetCircle", request, context)

    async def ListCircles(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("ListCircles", request, context)

    async def CreatePost(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("CreatePost", request, context)

    async def GetPost(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("GetPost", request, context)

    async def ListPosts(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("ListPosts", request, context)

    async def CreateComment(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("CreateComment", request, context)

    async def ListComments(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("ListComments", request, context)

    async def RemovePost(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("RemovePost", request, context)

    async def RemoveComment(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("RemoveComment", request, context)

    async def LikePost(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("LikePost", request, context)

    async def UnlikePost(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("UnlikePost", request, context)

    async def ReportContent(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("ReportContent", request, context)

    async def ListNotices(self, request: Any, context: Any) -> Any:
        """See the contract."""
        return await self._ask("ListNotices", request, context)

    async def _ask(self, method: str, request: Any, context: Any) -> Any:
        caller = await caller_of(context, self._tokens, self._pace)
        with self._limit.entered():
            return await self._circles.ask(method, caller.person_id, request)

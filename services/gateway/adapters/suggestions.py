"""Social's suggestions behind the gateway's contract."""

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import suggestion_pb2 as gateway_pb2
from hongbao.social.v1 import suggestion_pb2, suggestion_pb2_grpc
from services.gateway.adapters.forwarding import Forwarding


class SuggestionClient:
    """People around the caller. Raises social's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def mutual_friends(self, person_id: int, request: Any) -> Any:
        """See `SuggestionService.ListMutualFriends`."""
        asked = suggestion_pb2.ListMutualFriendsRequest(
            person_id=person_id,
            other_person_id=request.person_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        answer = await self._call("ListMutualFriends", asked)
        return gateway_pb2.ListMutualFriendsResponse(
            person_ids=answer.person_ids,
            next_page_token=answer.next_page_token,
            mutual_count=answer.mutual_count,
        )

    async def suggestions(self, person_id: int, request: Any) -> Any:
        """See `SuggestionService.GetSuggestions`."""
        asked = suggestion_pb2.GetSuggestionsRequest(
            person_id=person_id, suggestions_max=request.suggestions_max
        )
        answer = await self._call("GetSuggestions", asked)
        return gateway_pb2.GetSuggestionsResponse(
            suggestions=[
                gateway_pb2.Suggestion(person_id=known.person_id, mutual_count=known.mutual_count)
                for known in answer.suggestions
            ]
        )

    async def _call(self, method: str, request: Any) -> Any:
        return await self._forwarding.to_member(
            "social",
            lambda channel, timeout_s: getattr(suggestion_pb2_grpc.SuggestionServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )

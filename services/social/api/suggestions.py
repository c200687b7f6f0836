"""The contract of people around somebody in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.social.v1 import suggestion_pb2
from hongbao.social.v1.suggestion_pb2_grpc import SuggestionServiceServicer
from services.social.domain.relation import PersonId
from services.social.domain.suggestions import Suggestions


class SuggestionApi(SuggestionServiceServicer):
    """Serves `hongbao.social.v1.SuggestionService`."""

    def __init__(self, suggestions: Suggestions) -> None:
        self._suggestions = suggestions

    async def ListMutualFriends(
        self, request: suggestion_pb2.ListMutualFriendsRequest, _context: Any
    ) -> suggestion_pb2.ListMutualFriendsResponse:
        """See the contract."""
        page = await self._suggestions.mutual(
            PersonId(request.person_id),
            PersonId(request.other_person_id),
            request.page_size,
            request.page_token,
        )
        return suggestion_pb2.ListMutualFriendsResponse(
            person_ids=page.people, next_page_token=page.next_page_token, mutual_count=page.count
        )

    async def GetSuggestions(
        self, request: suggestion_pb2.GetSuggestionsRequest, _context: Any
    ) -> suggestion_pb2.GetSuggestionsResponse:
        """See the contract."""
        found = await self._suggestions.suggest(PersonId(request.person_id), request.suggestions_max)
        return suggestion_pb2.GetSuggestionsResponse(
            suggestions=[
                suggestion_pb2.Suggestion(person_id=known.person, mutual_count=known.mutual_count)
                for known in found
            ]
        )

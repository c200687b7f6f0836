"""HistoryService: how every card came into a person's hand and left it."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.cards.v1 import history_pb2, history_pb2_grpc
from services.cards.api.pages import page_position
from services.cards.domain.errors import PageTokenInvalid
from services.cards.domain.holdings.history import read_history
from services.cards.domain.placement import shard_of_person
from services.cards.domain.ports import OwnedShards
from services.cards.domain.vocabulary import CampaignId, PersonId
from services.cards.history_contract import movement_to_contract
from services.mesh.pages import Listing

_PAGE_SIZE_DEFAULT = 100


class HistoryApi(history_pb2_grpc.HistoryServiceServicer):
    """How every card came into a person's hand and left it."""

    def __init__(self, shards: OwnedShards) -> None:
        self._shards = shards

    async def ListMovements(
        self, request: history_pb2.ListMovementsRequest, _context: Any
    ) -> history_pb2.ListMovementsResponse:
        """See the contract. The page token is where the next page begins."""
        campaign_id, person_id = CampaignId(request.campaign_id), PersonId(request.person_id)
        shard = self._shards.owned(shard_of_person(person_id, self._shards.shard_count))
        of_list = Listing(f"movements/{campaign_id}", person_id)
        position = page_position(of_list, request.page_token)
        holdings = shard.state.game(campaign_id).holdings
        page = read_history(holdings, person_id, position, request.page_size or _PAGE_SIZE_DEFAULT)
        if page is None:
            raise PageTokenInvalid(request.page_token)
        await shard.settled()
        return history_pb2.ListMovementsResponse(
            movements=map(movement_to_contract, page.movements),
            next_page_token=of_list.token(page.next_position) if page.next_position else "",
        )

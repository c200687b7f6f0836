"""All games of one shard: the fold over its whole journal."""

from __future__ import annotations

from services.cards.domain.errors import GameConflict, GameUnknown
from services.cards.domain.events import (
    UNRECORDED,
    CardsDealt,
    Change,
    Event,
    FeedSkipped,
    GameCreated,
    GameFunded,
    GameOrder,
    GamePrepared,
    GameRefused,
    PoolDecided,
    Recorded,
    SetsCompleted,
    SetUndone,
    ShardSealed,
)
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesFollowed, ExchangesOpened
from services.cards.domain.game import ShardGame
from services.cards.domain.people.events import HandsArrived, HandsMoved, PersonsMerged
from services.cards.domain.supply.grants import (
    DeckReceived,
    SupplyClosed,
    SupplyEnded,
    SupplyGranted,
    SupplyReported,
    SupplyReturned,
)
from services.cards.domain.supply.home import HomeSupply
from services.cards.domain.vocabulary import CampaignId, PersonId


class CardsShard:
    """What a shard's owner knows. `happened` alone changes it."""

    __slots__ = ("created", "funded", "games", "merged", "number", "positions", "supplies")

    def __init__(self, number: int) -> None:
        self.number = number
        self.created: dict[CampaignId, GameCreated] = {}
        """Games for which this shard is home."""
        self.supplies: dict[CampaignId, HomeSupply] = {}
        """What may still be granted of each of them."""
        self.funded: set[CampaignId] = set()
        """Those of them whose pool is held."""
        self.games: dict[CampaignId, ShardGame] = {}
        """This shard's part of every game."""
        self.merged: dict[PersonId, PersonId] = {}
        """Persons of this shard who turned out to be others, and who those are."""
        self.positions: dict[str, int] = {}
        """How far other feeds are applied, by name."""

    def game(self, campaign_id: CampaignId) -> ShardGame:
        """This shard's part of a game. Raises `GameUnknown`."""
        game = self.games.get(campaign_id)
        if game is None:
            raise GameUnknown(campaign_id)
        return game

    def add_game(self, game: ShardGame) -> None:
        """Takes over this shard's part of a game, as it was given or as a snapshot has it."""
        game.people.merged = self.merged
        self.games[game.prepared.campaign_id] = game

    def known_game(self, order: GameOrder) -> GameCreated | None:
        """The game on record for an order's campaign. Raises `GameConflict` when it was ordered otherwise."""
        known = self.created.get(order.campaign_id)
        if known is not None:
            _check_same(order.campaign_id, known.order, order)
        return known

    def is_prepared(self, part: GamePrepared) -> bool:
        """Whether this shard has the part already. Raises `GameConflict` when it has another."""
        known = self.games.get(part.campaign_id)
        if known is not None:
            _check_same(part.campaign_id, known.prepared, part)
        return known is not None

    def happened(self, change: Change, recorded: Recorded = UNRECORDED) -> None:
        """Folds one record in."""
        position = change.position
        if position is not None:
            assert position.source_seq > self.positions.get(position.source, 0), "a feed is applied once"
            self.positions[position.source] = position.source_seq
        self._fold(change.event, recorded)

    def _fold(self, event: Event, recorded: Recorded) -> None:  # noqa: C901, PLR0912, PLR0915 - a line for each kind
        match event:
            case CardsDealt(deals):
                for deal in deals:
                    self.games[deal.campaign_id].deal_happened(deal, recorded)
            case ExchangesOpened(campaign_id):
                self.games[campaign_id].opened_happened(event, recorded)
            case ExchangesEnded(campaign_id):
                self.games[campaign_id].ended_happened(event, recorded)
            case ExchangesFollowed(parts):
                for followed in parts:
                    self.games[followed.part.campaign_id].followed_happened(followed.part, recorded)
            case SetsCompleted(campaign_id):
                self.games[campaign_id].completion_happened(event, recorded)
            case SetUndone(campaign_id):
                self.games[campaign_id].undo_happened(event, recorded)
            case GameCreated(order):
                assert order.campaign_id not in self.created, "a campaign has one game"
                self.created[order.campaign_id] = event
                self.supplies[order.campaign_id] = HomeSupply(order.supply, event.shard_count)
            case GameFunded(campaign_id):
                assert campaign_id in self.created, "a pool is held for a game on record"
                self.funded.add(campaign_id)
            case GameRefused(campaign_id):
                assert campaign_id not in self.funded, "money that is held is never forgotten"
                del self.created[campaign_id]
                del self.supplies[campaign_id]
            case GamePrepared(campaign_id):
                assert campaign_id not in self.games, "a shard gets its part once"
                self.add_game(ShardGame(event))
            case ShardSealed(campaign_id):
                self.games[campaign_id].seal_happened(event)
            case PoolDecided(campaign_id):
                self.games[campaign_id].decision_happened(event)
            case PersonsMerged(merges):
                for merge in merges:
                    assert merge.person_id not in self.merged, "a person is merged once"
                    self.merged[merge.person_id] = merge.into_person_id
            case HandsMoved(hands):
                for moved in hands:
                    self.games[moved.campaign_id].hand_moved(moved, recorded, shard=self.number)
            case HandsArrived(arrivals):
                for arrived in arrivals:
                    self.games[arrived.hand.campaign_id].hand_arrived(arrived, recorded)
            case SupplyGranted(campaign_id):
                self.supplies[campaign_id].grant_happened(event)
            case SupplyReported(campaign_id):
                self.supplies[campaign_id].report_happened(event)
            case SupplyClosed(campaign_id):
                self.supplies[campaign_id].close_happened(event)
            case DeckReceived(campaign_id):
                self.games[campaign_id].lease_happened(event)
            case SupplyReturned(campaign_id):
                self.games[campaign_id].issued.return_happened(event)
            case SupplyEnded(campaign_id):
                self.games[campaign_id].issued.end_happened(event)
            case FeedSkipped():
                pass


def _check_same(
    campaign_id: CampaignId, known: GameOrder | GamePrepared, asked: GameOrder | GamePrepared
) -> None:
    for field in type(known).__slots__:
        if getattr(known, field) != getattr(asked, field):
            raise GameConflict(campaign_id, field.removesuffix("_ms"))

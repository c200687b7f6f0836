"""What is public of a card game that is over: what fixes all its cards, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as events
from services.allocation.domain.proofs import Mismatch
from services.cards.contract import decision_from_contract, supply_from_contract
from services.cards.domain.proof.proofs import GameSeed
from services.cards.domain.proof.proofs import Mismatch as NoProof
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CampaignId, ShareMode
from services.mesh.interceptors.validation import broken_rules

POOL_FEN_MAX = 1_000_000_000_000


@dataclass(frozen=True, slots=True)
class Statement:
    """A game as it was announced, with its seed."""

    game: GameSeed
    opens_at: str
    """Times are in UTC as RFC 3339 has it."""
    deadline: str
    pool_fen: int
    share_mode: ShareMode
    plan: events.SupplyPlan
    """As the planner's file has it."""

    @property
    def supply(self) -> SupplyPlan:
        """The plan as the rules have it. The statement must be a sound one."""
        return supply_from_contract(self.plan)

    def check(self) -> None:
        """Raises `Mismatch` for what no honest game can have."""
        try:
            self.game.check()
        except NoProof as wrong:
            raise Mismatch(str(wrong)) from None
        if not 0 < self.pool_fen <= POOL_FEN_MAX:
            raise Mismatch(f"no game has a pool of {self.pool_fen} fen")
        for place, complaint in broken_rules(self.plan):
            raise Mismatch(f"the plan is none: {place or 'it'}: {complaint}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a game's pool was shared."""

    sets_by_shard: tuple[int, ...]
    share_fen: int
    """Of each set; 0 with lucky shares."""
    remainder_fen: int
    sets_by_luck: tuple[int, ...] = field(default=())
    """These three are empty with equal shares."""
    luck_shares_fen: tuple[int, ...] = field(default=())
    shard_shares_fen: tuple[int, ...] = field(default=())


def statement_of(game: cards.Game) -> Statement:
    """What a closed game of the mesh says of itself. Raises `Mismatch` for one that is not closed."""
    if game.phase != cards.GAME_PHASE_CLOSED or not game.HasField("decision"):
        raise Mismatch("the game is not closed yet; its seed is revealed when its pool is shared")
    return Statement(
        game=GameSeed(
            campaign_id=CampaignId(game.campaign_id),
            seed_commitment=game.seed_commitment,
            seed=game.decision.seed,
            shard_count=game.shard_count,
        ),
        opens_at=game.opens_at.ToJsonString(),
        deadline=game.deadline.ToJsonString(),
        pool_fen=game.pool_fen,
        share_mode=ShareMode(game.share_mode or ShareMode.EQUAL),
        plan=game.supply,
    )


def outcome_of(game: cards.Game) -> Outcome:
    """How the pool of a closed game of the mesh was shared, as it is on record."""
    decision = decision_from_contract(game.decision)
    return Outcome(
        sets_by_shard=decision.sets_by_shard,
        share_fen=decision.share_fen,
        remainder_fen=decision.remainder_fen,
        sets_by_luck=decision.sets_by_luck,
        luck_shares_fen=decision.luck_shares_fen,
        shard_shares_fen=decision.shard_shares_fen,
    )

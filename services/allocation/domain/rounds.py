"""Campaigns and their rounds, on the campaign's home shard."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from services.allocation.domain.errors import (
    BudgetExceeded,
    BudgetInfeasible,
    CampaignConflict,
    CampaignUnknown,
    PacketsTooFew,
    PacketsTooMany,
    RoundConflict,
    RoundPending,
    RoundUnknown,
    WindowInvalid,
    WinningsWaitTooShort,
)
from services.allocation.domain.fairness_errors import (
    BeaconConflict,
    BeaconNotAnnounced,
    BeaconTooEarly,
    BeaconTooLate,
)
from services.allocation.domain.release import check_table
from services.allocation.domain.split import split
from services.allocation.domain.values import (
    BeaconValue,
    CampaignId,
    CampaignTerms,
    Packets,
    RoundId,
    RoundTerms,
    Seed,
    StockId,
    StockTerms,
    Totals,
    first_difference,
    stock_id_of,
)


class RoundPhase(enum.IntEnum):
    """Where a round stands. Numbers are the contract's."""

    PREPARING = 1
    SCHEDULED = 2
    OPEN = 3
    CLOSING = 4
    CLOSED = 5


@dataclass(frozen=True, slots=True)
class RoundLimits:
    """How large a round may be."""

    packets_max: int
    window_ms_max: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign on record."""

    terms: CampaignTerms
    created_ms: int
    """Milliseconds since the Unix epoch."""


@dataclass(slots=True)
class Round:
    """A round on record. Only the fold of its events changes it."""

    terms: RoundTerms
    seed: Seed
    """Secret until the round is closed."""
    announced_ms: int = 0
    """When it was created, milliseconds since the Unix epoch: from then on its commitment is public."""
    beacon: BeaconValue | None = None
    """What its beacon has shown; None until that is published, and without one."""
    funded: bool = False
    """Settlement holds its budget."""
    prepared: bool = False
    """Every shard has its part."""
    ended: bool = False
    """The operator ended it early."""
    totals: Totals | None = None
    """What became of it; None until it is closed."""

    @property
    def seed_commitment(self) -> bytes:
        """SHA-256 of the seed: public from the beginning."""
        return hashlib.sha256(self.seed).digest()

    @property
    def awaits_beacon(self) -> bool:
        """Whether the value of its beacon is still to come."""
        return bool(self.terms.beacon) and self.beacon is None

    @property
    def published_seed(self) -> bytes:
        """The seed once the round is closed, nothing before."""
        return self.seed if self.totals is not None else b""

    def parts(self) -> list[Packets]:
        """The stock's parts, by shard."""
        return split(self.terms.packets, self.terms.shard_count)

    def stock_terms(self, shard: int, part: Packets) -> StockTerms:
        """What a shard is given."""
        terms = self.terms
        return StockTerms(
            stock_id=terms.stock_id,
            campaign_id=terms.campaign_id,
            round_id=terms.round_id,
            sponsor_id=terms.sponsor_id,
            shard=shard,
            window=terms.window,
            packets=part,
            release_curve=terms.release_curve,
            release_table_ppm=terms.release_table_ppm,
            seed=self.seed,
            draw_rule=terms.draw_rule,
        )

    def phase(self, now_ms: int) -> RoundPhase:
        """Where the round stands at this moment."""
        if self.totals is not None:
            return RoundPhase.CLOSED
        if self.ended or now_ms >= self.terms.window.closes_ms:
            return RoundPhase.CLOSING
        if not self.prepared:
            return RoundPhase.PREPARING
        if now_ms < self.terms.window.opens_ms or self.awaits_beacon:
            return RoundPhase.SCHEDULED
        return RoundPhase.OPEN


class Rounds:
    """All campaigns of a home shard, with their rounds."""

    def __init__(self) -> None:
        self._campaigns: dict[CampaignId, Campaign] = {}
        self._rounds: dict[CampaignId, dict[StockId, Round]] = {}

    @property
    def campaign_count(self) -> int:
        """Number of campaigns."""
        return len(self._campaigns)

    def campaigns(self) -> Iterable[Campaign]:
        """All campaigns, in the order of their creation."""
        return self._campaigns.values()

    def all_rounds(self) -> Iterable[Round]:
        """All rounds of all campaigns."""
        return (found for rounds in self._rounds.values() for found in rounds.values())

    def campaign(self, campaign_id: CampaignId) -> Campaign:
        """A campaign. Raises `CampaignUnknown`."""
        found = self._campaigns.get(campaign_id)
        if found is None:
            raise CampaignUnknown(campaign_id)
        return found

    def committed_fen(self, campaign_id: CampaignId) -> int:
        """Budgets of all rounds of a campaign, together."""
        return sum(found.terms.packets.budget_fen for found in self._rounds[campaign_id].values())

    def find(self, stock_id: StockId) -> Round | None:
        """A round by its stock; None when there is none, or none any more because it was refused."""
        campaign_id = CampaignId(stock_id.partition(".")[0])
        return self._rounds.get(campaign_id, {}).get(stock_id)

    def round(self, campaign_id: CampaignId, round_id: RoundId) -> Round:
        """A round. Raises `CampaignUnknown`, `RoundUnknown`."""
        self.campaign(campaign_id)
        found = self._rounds[campaign_id].get(stock_id_of(campaign_id, round_id))
        if found is None:
            raise RoundUnknown(campaign_id, round_id)
        return found

    def rounds(self, campaign_id: CampaignId) -> list[Round]:
        """A campaign's rounds by opening time, then by id. Raises `CampaignUnknown`."""
        self.campaign(campaign_id)
        return sorted(
            self._rounds[campaign_id].values(),
            key=lambda found: (found.terms.window.opens_ms, found.terms.round_id),
        )

    def existing_campaign(self, terms: CampaignTerms) -> Campaign | None:
        """The campaign if it was created with the same terms. Raises `CampaignConflict` when with others."""
        found = self._campaigns.get(terms.campaign_id)
        # The number of shards is the service's, not the caller's.
        if found is not None and (field := first_difference(found.terms, terms)) not in {None, "shard_count"}:
            raise CampaignConflict(terms, str(field))
        return found

    def existing_round(self, terms: RoundTerms) -> Round | None:
        """The round if it was created with the same terms. Raises `CampaignUnknown`, `RoundConflict`."""
        self.campaign(terms.campaign_id)
        found = self._rounds[terms.campaign_id].get(terms.stock_id)
        if found is not None and (field := first_difference(found.terms, terms)) is not None:
            raise RoundConflict(terms, field)
        return found

    def check_new_round(self, terms: RoundTerms, now_ms: int, limits: RoundLimits) -> None:
        """Raises what speaks against a new round; see the contract for the reasons."""
        packets, window = terms.packets, terms.window
        if not packets.feasible:
            raise BudgetInfeasible(packets)
        if packets.count < terms.shard_count:
            raise PacketsTooFew(packets.count, terms.shard_count)
        if packets.count > limits.packets_max:
            raise PacketsTooMany(packets.count, limits.packets_max)
        if not now_ms < window.opens_ms < window.closes_ms <= window.opens_ms + limits.window_ms_max:
            raise WindowInvalid(window, now_ms, limits.window_ms_max)
        check_table(window, terms.release_curve, terms.release_table_ppm)
        check_winnings_wait(terms, window.closes_ms)
        campaign = self.campaign(terms.campaign_id).terms
        committed_fen = self.committed_fen(terms.campaign_id)
        if committed_fen + packets.budget_fen > campaign.budget_fen:
            raise BudgetExceeded(campaign, committed_fen, packets.budget_fen)

    def existing_beacon(self, found: Round, value: BeaconValue) -> bool:
        """Whether the round has this value. Raises `BeaconConflict` when it has another one."""
        if found.beacon is not None and found.beacon != value:
            raise BeaconConflict(found.terms, found.beacon)
        return found.beacon is not None

    def check_new_beacon(self, found: Round, now_ms: int, notice_ms: int) -> None:
        """Raises what speaks against a value for a round; see the contract for the reasons.

        A value is worth something only if nobody knew it when the seed was committed to. When its source
        shows it, this service cannot know; that the commitment was public for `notice_ms` before, it can.
        """
        if not found.terms.beacon:
            raise BeaconNotAnnounced(found.terms)
        if found.ended or found.totals is not None or now_ms >= found.terms.window.closes_ms:
            raise BeaconTooLate(found.terms)
        if now_ms < found.announced_ms + notice_ms:
            raise BeaconTooEarly(found.terms, found.announced_ms + notice_ms, now_ms)
        if not found.prepared:
            raise RoundPending(found.terms, "PREPARE" if found.funded else "FUND")

    def add_campaign(self, campaign: Campaign) -> None:
        """Folds a new campaign."""
        campaign_id = campaign.terms.campaign_id
        assert campaign_id not in self._campaigns, "a campaign is created once"
        self._campaigns[campaign_id] = campaign
        self._rounds[campaign_id] = {}

    def add_round(self, created: Round) -> None:
        """Folds a new round."""
        rounds = self._rounds[created.terms.campaign_id]
        assert created.terms.stock_id not in rounds, "a round is created once"
        rounds[created.terms.stock_id] = created
        budget_fen = self._campaigns[created.terms.campaign_id].terms.budget_fen
        assert self.committed_fen(created.terms.campaign_id) <= budget_fen, "rounds stay within the budget"

    def drop_round(self, stock_id: StockId) -> None:
        """Folds the refusal of a round's budget: the round is gone."""
        dropped = self._rounds[CampaignId(stock_id.partition(".")[0])].pop(stock_id)
        assert not dropped.funded, "money that is held is never forgotten"


def check_winnings_wait(terms: CampaignTerms | RoundTerms, until_ms: int) -> None:
    """Raises `WinningsWaitTooShort` when winnings wait, but not until `until_ms` (since the Unix epoch)."""
    if terms.winnings_wait_until_ms and terms.winnings_wait_until_ms < until_ms:
        raise WinningsWaitTooShort(terms, until_ms)

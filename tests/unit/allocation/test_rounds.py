from __future__ import annotations

from dataclasses import replace

import pytest

from services.allocation.domain import records
from services.allocation.domain.errors import AllocationError
from services.allocation.domain.rounds import Campaign, Round, RoundLimits, RoundPhase, Rounds
from services.allocation.domain.values import (
    CampaignId,
    CampaignTerms,
    Packets,
    ReleaseCurve,
    RoundId,
    RoundTerms,
    SponsorId,
    Totals,
    Window,
)
from tests.unit.allocation.terms import CLOSES_MS, OPENS_MS, SEED

LIMITS = RoundLimits(packets_max=1_000, window_ms_max=60_000)
PACKETS = Packets(count=100, budget_fen=10_000, min_fen=1, max_fen=500)
CAMPAIGN = CampaignTerms(CampaignId("spring"), SponsorId(7), "春节", 25_000, shard_count=4)
ROUND = RoundTerms(
    CampaignId("spring"),
    RoundId("round-1"),
    SponsorId(7),
    Window(OPENS_MS, CLOSES_MS),
    PACKETS,
    ReleaseCurve.LINEAR,
    shard_count=4,
)
BEFORE_MS = OPENS_MS - 1_000


@pytest.fixture
def rounds() -> Rounds:
    made = Rounds()
    made.add_campaign(Campaign(CAMPAIGN, BEFORE_MS))
    return made


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (ROUND, None),
        (replace(ROUND, packets=replace(PACKETS, budget_fen=99)), "BUDGET_INFEASIBLE"),
        (replace(ROUND, packets=replace(PACKETS, budget_fen=50_001)), "BUDGET_INFEASIBLE"),
        (replace(ROUND, packets=replace(PACKETS, min_fen=501)), "BUDGET_INFEASIBLE"),
        (replace(ROUND, packets=replace(PACKETS, count=3, budget_fen=3)), "PACKETS_TOO_FEW"),
        (replace(ROUND, packets=replace(PACKETS, count=4, budget_fen=4)), None),
        (replace(ROUND, packets=replace(PACKETS, count=1_001)), "PACKETS_TOO_MANY"),
        (replace(ROUND, window=Window(BEFORE_MS, CLOSES_MS)), "WINDOW_INVALID"),
        (replace(ROUND, window=Window(BEFORE_MS + 1, BEFORE_MS + 2)), None),
        (replace(ROUND, window=Window(OPENS_MS, OPENS_MS)), "WINDOW_INVALID"),
        (replace(ROUND, window=Window(OPENS_MS, OPENS_MS + 60_001)), "WINDOW_INVALID"),
        (replace(ROUND, winnings_wait_until_ms=CLOSES_MS - 1), "WINNINGS_WAIT_TOO_SHORT"),
        (replace(ROUND, winnings_wait_until_ms=CLOSES_MS), None),
        (replace(ROUND, packets=replace(PACKETS, budget_fen=25_001)), "BUDGET_EXCEEDED"),
        (replace(ROUND, packets=replace(PACKETS, budget_fen=25_000)), None),
        (replace(ROUND, campaign_id=CampaignId("autumn")), "CAMPAIGN_UNKNOWN"),
    ],
)
def test_what_may_become_a_round(rounds: Rounds, terms: RoundTerms, reason: str | None) -> None:
    if reason is None:
        rounds.check_new_round(terms, BEFORE_MS, LIMITS)
        return
    with pytest.raises(AllocationError) as failure:
        rounds.check_new_round(terms, BEFORE_MS, LIMITS)
    assert failure.value.reason == reason


def test_rounds_share_the_budget_of_their_campaign(rounds: Rounds) -> None:
    rounds.add_round(Round(ROUND, SEED))
    rounds.add_round(Round(replace(ROUND, round_id=RoundId("round-2")), SEED))
    assert rounds.committed_fen(CampaignId("spring")) == 20_000
    with pytest.raises(AllocationError) as failure:
        rounds.check_new_round(replace(ROUND, round_id=RoundId("round-3")), BEFORE_MS, LIMITS)
    assert failure.value.metadata == {
        "campaign_id": "spring",
        "budget_fen": "25000",
        "committed_fen": "20000",
        "requested_fen": "10000",
    }


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (replace(ROUND, window=Window(OPENS_MS, CLOSES_MS + 1)), "window"),
        (replace(ROUND, packets=replace(PACKETS, max_fen=501)), "packets"),
        (replace(ROUND, release_curve=ReleaseCurve.IMMEDIATE), "release_curve"),
    ],
)
def test_the_same_id_with_other_content_is_a_conflict(
    rounds: Rounds, changed: RoundTerms, field: str
) -> None:
    rounds.add_round(Round(ROUND, SEED))
    assert rounds.existing_round(ROUND) is not None
    with pytest.raises(AllocationError) as failure:
        rounds.existing_round(changed)
    assert failure.value.reason == "ROUND_CONFLICT"
    assert failure.value.metadata["field"] == field


def test_the_rule_for_winnings_survives_its_records_and_older_records_have_none() -> None:
    campaign = replace(CAMPAIGN, winnings_wait_until_ms=CLOSES_MS + 1)
    ruled = Round(replace(ROUND, winnings_wait_until_ms=CLOSES_MS + 1), SEED)
    assert records.campaign_terms(records.campaign_created(campaign)) == campaign
    assert records.round_of(records.round_created(ruled)).terms == ruled.terms

    assert not records.campaign_created(CAMPAIGN).HasField("winnings_wait_until_at")
    assert records.campaign_terms(records.campaign_created(CAMPAIGN)) == CAMPAIGN
    assert records.round_of(records.round_created(Round(ROUND, SEED))).terms == ROUND


def test_rounds_are_listed_by_opening_then_by_id(rounds: Rounds) -> None:
    for name, opens_ms in (("late", OPENS_MS + 5), ("b-early", OPENS_MS), ("a-early", OPENS_MS)):
        terms = replace(ROUND, round_id=RoundId(name), window=Window(opens_ms, CLOSES_MS))
        rounds.add_round(Round(replace(terms, packets=replace(PACKETS, budget_fen=5_000)), SEED))
    listed = [found.terms.round_id for found in rounds.rounds(CampaignId("spring"))]
    assert listed == ["a-early", "b-early", "late"]


@pytest.mark.parametrize(
    ("is_prepared", "is_ended", "is_closed", "now_ms", "expected"),
    [
        (False, False, False, OPENS_MS, RoundPhase.PREPARING),
        (True, False, False, OPENS_MS - 1, RoundPhase.SCHEDULED),
        (True, False, False, OPENS_MS, RoundPhase.OPEN),
        (True, False, False, CLOSES_MS - 1, RoundPhase.OPEN),
        (True, False, False, CLOSES_MS, RoundPhase.CLOSING),
        (True, True, False, OPENS_MS, RoundPhase.CLOSING),
        (True, True, True, OPENS_MS, RoundPhase.CLOSED),
    ],
)
def test_phases(
    *, is_prepared: bool, is_ended: bool, is_closed: bool, now_ms: int, expected: RoundPhase
) -> None:
    found = Round(ROUND, SEED, funded=True, prepared=is_prepared, ended=is_ended)
    found.totals = Totals(0, 0, PACKETS.budget_fen) if is_closed else None
    assert found.phase(now_ms) is expected

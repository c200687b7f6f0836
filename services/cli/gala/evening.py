"""How big an evening is: amounts and counts derived from the number of people, in the proportions of 2016."""

from __future__ import annotations

from dataclasses import dataclass

PEOPLE_2016 = 200_000_000
"""People who took part, rounded as the organisers did."""
PACKETS_PER_ROUND_2016 = 60_000_000
BUDGET_PER_ROUND_FEN_2016 = 10_000_000_000
PACKET_MAX_FEN_2016 = 880
POOL_FEN_2016 = 21_500_000_000
SPONSOR_ID = 2016
CARDS = ("PATRIOTISM", "PROSPERITY", "HARMONY", "FRIENDLINESS", "DEDICATION")
RARE_CARD = "DEDICATION"
_FEW = 20
_LATE_PER_100, _LATE_MAX = 5, 100
_SECONDS_PER_100, _SECONDS_MAX = 2, 20


@dataclass(frozen=True, slots=True)
class Evening:
    """The plan of one evening."""

    campaign_id: str
    people: int
    seed: int
    rounds: int
    round_seconds: int
    friends_per_person: int
    """Friend requests that each person sends."""
    rare_cards_per_100_people: int
    """More than in 2016 (0.4), so that a small evening has enough winners to look at."""
    card_seconds: int
    """What people get to give and complete cards after the last round, before the deadline."""
    allocation_shards: int = 1
    """Over how many shards a round's packets are spread: each needs one at least."""

    @property
    def packets_per_round(self) -> int:
        """Three in ten people can win in a round, as in 2016; in a tiny evening one for each shard."""
        return max(self.allocation_shards, self.people * PACKETS_PER_ROUND_2016 // PEOPLE_2016)

    @property
    def budget_per_round_fen(self) -> int:
        """So that a packet is worth what it was in 2016: 1.67 yuan on average."""
        return self.packets_per_round * (BUDGET_PER_ROUND_FEN_2016 // PACKETS_PER_ROUND_2016)

    @property
    def budget_fen(self) -> int:
        """All rounds together."""
        return self.rounds * self.budget_per_round_fen

    @property
    def pool_fen(self) -> int:
        """The card game's prize pool."""
        return max(1, self.people * POOL_FEN_2016 // PEOPLE_2016)

    @property
    def card_limits(self) -> dict[str, int]:
        """Hard issue limit of each card: every friendship earns a card for each of its two people."""
        relations_max = self.people * self.friends_per_person
        common = max(1, relations_max * 2 // (len(CARDS) - 1))
        rare = max(1, self.people * self.rare_cards_per_100_people // 100)
        return {card: rare if card == RARE_CARD else common for card in CARDS}

    @property
    def late_guests(self) -> int:
        """People who play before they verify; none where there are too few to spare any."""
        return min(_LATE_MAX, max(1, self.people * _LATE_PER_100 // 100)) if self.people >= _FEW else 0

    @property
    def second_accounts(self) -> int:
        """Accounts that turn out to be of people who have one already."""
        return min(_SECONDS_MAX, max(1, self.people * _SECONDS_PER_100 // 100)) if self.people >= _FEW else 0

    def round_id(self, number: int) -> str:
        """Id of a round, from 1."""
        return f"round-{number}"

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
WHOLE_PPM = 1_000_000
_SLACK = 12, 10
"""How many cards there may be for ten that are expected to be dealt: some are left in the end."""
_SHARERS_PER_100, _SHARERS_MIN = 12, 4
_FEW = 20
_LATE_PER_100, _LATE_MAX = 5, 100
_SECONDS_PER_100, _SECONDS_MAX = 2, 20
_APPLICANTS_PER_100, _APPLICANTS_MAX = 3, 20
_INVITED_PER_100, _INVITED_MAX = 4, 100


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
    lucky: bool = True
    """Whether luck decides how the pool is shared; else everybody gets the same, as in 2016."""
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
    def deals_by_source(self) -> dict[str, int]:
        """Who earns a card: new friends, all who tap, all who send a packet, who invites and is invited."""
        deals = {
            "FRIEND": self.people * self.friends_per_person * 2,
            "TAP": self.people,
            "SHARE": max(_SHARERS_MIN, self.people * _SHARERS_PER_100 // 100),
        }
        return deals | {"INVITATION": 2 * self.invited} if self.invited else deals

    @property
    def deals_expected(self) -> int:
        """What is dealt if everybody earns what they can."""
        return sum(self.deals_by_source.values())

    @property
    def card_quotas(self) -> dict[str, int]:
        """What each source may deal; with some to spare, or shards would pass the last ones about."""
        more, than = _SLACK
        return {source: deals * more // than for source, deals in self.deals_by_source.items()}

    @property
    def card_limits(self) -> dict[str, int]:
        """Hard issue limit of each card."""
        more, than = _SLACK
        common = max(1, self.deals_expected * more // (than * (len(CARDS) - 1)))
        rare = max(1, self.people * self.rare_cards_per_100_people // 100)
        return {card: rare if card == RARE_CARD else common for card in CARDS}

    @property
    def friends_release_ppm(self) -> int:
        """How much of each card is out when guests have come and friends are made, with the same slack."""
        more, than = _SLACK
        early = self.deals_by_source["FRIEND"] + self.deals_by_source.get("INVITATION", 0)
        by_friends = early * WHOLE_PPM // self.deals_expected
        return min(WHOLE_PPM, by_friends * more // than)

    @property
    def late_guests(self) -> int:
        """People who play before they verify; none where there are too few to spare any."""
        return self._few(_LATE_PER_100, _LATE_MAX)

    @property
    def second_accounts(self) -> int:
        """Accounts that turn out to be of people who have one already."""
        return self._few(_SECONDS_PER_100, _SECONDS_MAX)

    @property
    def applicants(self) -> int:
        """People who are verified step by step, with photos and a bank card."""
        return self._few(_APPLICANTS_PER_100, _APPLICANTS_MAX)

    @property
    def invited(self) -> int:
        """People who come because somebody has invited them."""
        return self._few(_INVITED_PER_100, _INVITED_MAX)

    def _few(self, per_100: int, most: int) -> int:
        return min(most, max(1, self.people * per_100 // 100)) if self.people >= _FEW else 0

    def round_id(self, number: int) -> str:
        """Id of a round, from 1."""
        return f"round-{number}"

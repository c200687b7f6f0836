"""Terms of rounds and stocks for tests, with something to say only where it matters."""

from __future__ import annotations

from services.allocation.domain.values import (
    CampaignId,
    Packets,
    ReleaseCurve,
    RoundId,
    Seed,
    SponsorId,
    StockId,
    StockTerms,
    Window,
)
from services.mesh.shards.hashing import shard_of

SEED = Seed(bytes(range(32)))
OPENS_MS = 1_454_846_400_000
CLOSES_MS = OPENS_MS + 60_000
TABLE_PPM = (0, 0, *[400_000] * 30, *range(500_000, 1_000_000, 18_000)[:27], 1_000_000)
"""Nothing at first, then a lot at once, then more and more, for each second of the window."""


def stock_terms(
    packets: Packets,
    *,
    shard: int = 0,
    curve: ReleaseCurve = ReleaseCurve.IMMEDIATE,
    seed: Seed = SEED,
    round_id: str = "round-1",
) -> StockTerms:
    return StockTerms(
        stock_id=StockId(f"spring.{round_id}"),
        campaign_id=CampaignId("spring"),
        round_id=RoundId(round_id),
        sponsor_id=SponsorId(7),
        shard=shard,
        window=Window(OPENS_MS, CLOSES_MS),
        packets=packets,
        release_curve=curve,
        release_table_ppm=TABLE_PPM if curve is ReleaseCurve.TABLE else (),
        seed=seed,
    )


def people_of(shard: int, shard_count: int, count: int, start: int = 1) -> list[int]:
    """The first people of a shard."""
    people: list[int] = []
    person_id = start
    while len(people) < count:
        if shard_of(person_id, shard_count) == shard:
            people.append(person_id)
        person_id += 1
    return people

"""Settlement dies while it pays winnings that waited; everybody has what they won, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hongbao.identity.v1 import identity_pb2, person_feed_pb2
from services.cli.bench.settle_plan import FeedMessage, SettlePlan, Sizes, plan_settlement
from services.mesh.shards.hashing import shard_of
from tests.integration.crashes.crash_mesh import Nursery
from tests.integration.crashes.settling_play import SettlingPlay
from tests.integration.crashes.test_settling import expect_everything_in_its_place

WAITING = ["waiting.moved", "waiting.moved@3"]
"""Where it dies."""
SIZES = Sizes(200, 1, 20, settlement_shards=2, allocation_shards=2, cards_shards=2)


@pytest.mark.parametrize("point", WAITING)
async def test_settlement_dies_while_it_pays_what_waited(
    point: str, nursery: Nursery, tmp_path: Path
) -> None:
    plan = plan_settlement(SIZES)
    settings = {
        "HONGBAO_PEOPLE_KNOWN": "identity",
        "HONGBAO_WAITING_LOOK_MS": "20",
        "HONGBAO_WAITING_BATCH": "11",
    }
    async with WaitingPlay(nursery, tmp_path, plan, **settings).serving() as play:
        await play.fund()
        await play.tell_packets_and_sets()
        books = await play.until_posted()
        assert books.campaigns[0].waiting_fen == plan.packets_fen
        await play.replace_by_victim(point)
        await play.verify_everybody(plan)
        await play.until_dead(point)
        await play.tell_decisions()
        await play.until_nothing_waits()
        await expect_everything_in_its_place(play, plan, tmp_path)


class WaitingPlay(SettlingPlay):
    """Adds the feed of people, which tells of everybody at once."""

    async def verify_everybody(self, plan: SettlePlan) -> None:
        """Lets identity tell that all who have won something, or will, are verified."""
        people = [person for part in plan.parts for person in part.person_ids.tolist()]
        people += [person for completers in plan.completers for person in completers.tolist()]
        shard_count = plan.sizes.settlement_shards
        for shard in range(shard_count):
            message = person_feed_pb2.ReadPersonsResponse()
            for seq, person_id in enumerate(people, start=1):
                record = message.records.add(seq=seq)
                if shard_of(person_id, shard_count) == shard:
                    record.event.person_verified.person_id = person_id
                    record.event.person_verified.tier = identity_pb2.TIER_I
            self._feeds.lay_out("identity", shard, [FeedMessage(1, len(people), message.SerializeToString())])
        await self._feeds.let_go("identity")

    async def until_nothing_waits(self) -> None:
        """Waits until all that waited was paid."""
        await self.until_posted()
        await self._until(lambda books: books.campaigns[0].settled)

"""What an autoscaler reads of a process of allocation."""

from __future__ import annotations

from services.allocation.metrics import shown_allocation
from services.mesh.metrics import REGISTRY
from services.mesh.shards.metrics import shown_host
from tests.integration.allocation_mesh import SHARDS, memory_mesh, people_of


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"hongbao_{name}", labels)


async def test_a_process_shows_its_shards_its_claims_and_what_is_left() -> None:
    async with memory_mesh() as mesh:
        allocation = mesh.instances["a"]
        figures = allocation.figures
        with shown_host(allocation.host), shown_allocation(allocation.host, figures):
            assert sample("shards_owned", service="allocation") == SHARDS
            assert sample("shards_undurable_records", service="allocation") == 0
            await mesh.open_round()
            assert sample("allocation_stocks_open") == SHARDS
            assert sample("allocation_packets_left") == 400
            people = people_of(1, 7)
            await mesh.claim(1, people)
            await mesh.claim(1, people)
            assert (sample("allocation_claims_total"), sample("allocation_wins_total")) == (14, 7)
            assert (sample("allocation_batches_total"), sample("allocation_batches_in_flight")) == (2, 0)
            assert sample("allocation_batches_refused_total") == 0
            assert sample("allocation_packets_left") == 393
            await allocation.host.give(1)
            assert sample("shards_owned", service="allocation") == SHARDS - 1
        assert sample("shards_owned", service="allocation") is None


async def test_a_batch_that_is_refused_whole_is_counted_and_is_no_claim() -> None:
    async with memory_mesh(batch_claims_max=2) as mesh:
        allocation = mesh.instances["a"]
        with shown_allocation(allocation.host, allocation.figures):
            await mesh.open_round()
            answer = await mesh.claim(1, people_of(1, 3))
            assert answer.HasField("error")
            assert sample("allocation_batches_refused_total") == 1
            assert sample("allocation_claims_total") == 0
            assert sample("allocation_batches_in_flight") == 0


async def test_packets_that_moved_show_where_they_went_and_where_they_came_from() -> None:
    async with memory_mesh() as mesh:
        allocation = mesh.instances["a"]
        with shown_allocation(allocation.host, allocation.figures):
            await mesh.open_round()
            assert sample("allocation_leftovers_received") == sample("allocation_leftovers_sent") == 0
            crowd = people_of(1, 150)
            for _ in range(100):
                await mesh.claim(1, crowd)
                if sample("allocation_leftovers_received"):
                    break
                await mesh.pass_time(0.1)
            received = sample("allocation_leftovers_received")
            assert received
            assert sample("allocation_leftovers_sent") == received

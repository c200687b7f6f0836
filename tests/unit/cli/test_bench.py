from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from hongbao.allocation.v1 import allocation_pb2
from services.cli.bench.claim_load import Batch, Tally, _batch_id, lanes_of, people_of_shards
from services.cli.bench.claim_plan import Mix, Plan, packets_like_2016, plan_load
from services.cli.bench.latency import latencies
from services.cli.bench.redis import RedisClient, require_redis
from services.cli.bench.report import HOLDS, ZERO, Report, Target, shown
from services.cli.bench.workplace import Workplace, require_program, workplace
from services.cli.console import Refusal
from services.mesh.shards.hashing import shard_of

STOCK, SOLD_OUT = "bench.round-1", "bench.sold-out"


def test_a_report_has_its_figures_by_name_and_says_which_targets_were_missed(tmp_path: Path) -> None:
    report = Report("toys", {"size": 3})
    report.add("toys_per_s", 90, "toys a second", Target(at_least=100))
    report.add("p99_ms", 1.5, "milliseconds", Target(at_most=2))
    report.add("durable", value=True, meaning="kept", target=HOLDS)
    assert report.finish(tmp_path / "report.json")
    content = json.loads((tmp_path / "report.json").read_text())
    assert (content["toys_per_s"], content["p99_ms"], content["durable"]) == (90, 1.5, True)
    assert content["missed"] == ["toys_per_s"]
    assert content["options"] == {"size": 3}
    assert content["targets"] == {"toys_per_s": "at least 100", "p99_ms": "at most 2", "durable": "yes"}
    assert content["machine"]["cores"] >= 1
    assert list(tmp_path.iterdir()) == [tmp_path / "report.json"]


def test_a_slow_machine_is_no_error_but_a_missing_fen_is() -> None:
    report = Report("toys")
    report.add("toys_per_s", 1, "toys a second", Target(at_least=100))
    assert report.is_sound
    report.add("difference_fen", -1, "fen", ZERO)
    assert not report.is_sound


def test_a_figure_has_one_value() -> None:
    report = Report("toys")
    report.add("toys", 1, "toys")
    with pytest.raises(ValueError, match="toys already"):
        report.add("toys", 2, "toys")


def test_figures_are_shown_even_when_the_report_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("toys")
    report.add("toys", 12_345, "toys")
    with pytest.raises(Refusal, match="could not be written"):
        report.finish(tmp_path / "nowhere" / "report.json")
    assert "12,345" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "yes"), (1_234_567, "1,234,567"), (1234.5, "1,234"), (0.12345, "0.123"), ("a", "a")],
)
def test_values_are_shown_with_the_digits_that_mean_something(value: float | str, text: str) -> None:
    assert shown(value) == text


def test_latencies_of_nothing_are_nothing() -> None:
    assert latencies([]).p99_ms == 0
    found = latencies([number / 1000 for number in range(1, 101)])
    assert found.p50_ms == pytest.approx(50.5)
    assert found.max_ms == 100


def test_people_belong_to_the_shards_that_they_are_made_for() -> None:
    wanted = [5, 0, 7, 1]
    people = people_of_shards(4, wanted)
    assert [len(theirs) for theirs in people] == wanted
    assert all(shard_of(int(person), 4) == shard for shard, theirs in enumerate(people) for person in theirs)
    everyone = np.concatenate(people)
    assert len(np.unique(everyone)) == len(everyone)


def batches(plan: Plan) -> list[Batch]:
    return [batch for lane in plan.lanes for batch in lane]


@pytest.mark.parametrize("mix", [Mix(), Mix(again=5, refused=5), Mix(again=40, refused=40)])
def test_a_plan_knows_what_will_come_of_it(mix: Mix) -> None:
    plan = plan_load(5_000, 4, 50, 3, mix, STOCK, SOLD_OUT)
    sent = batches(plan)
    assert len({batch.batch_id for batch in sent}) == len(sent)
    assert plan.claims == sum(len(batch.people) for batch in sent)
    claims = np.concatenate([batch.people for batch in sent if batch.stock_id == STOCK])
    assert len(np.unique(claims)) == plan.wins == 5_000
    assert len(claims) - plan.wins == plan.repeats
    assert plan.refusals == sum(len(batch.people) for batch in sent if batch.stock_id == SOLD_OUT)
    assert sum(part.count for part in plan.parts) == 5_000
    assert plan.budget_fen == packets_like_2016(5_000).budget_fen
    assert bool(plan.repeats) is bool(mix.again)
    assert bool(plan.refusals) is bool(mix.refused)


def test_who_asks_again_has_claimed_some_batches_before() -> None:
    plan = plan_load(5_000, 2, 50, 2, Mix(again=20), STOCK, SOLD_OUT)
    for shard in range(2):
        first_seen: dict[int, int] = {}
        repeats = 0
        theirs = [batch for batch in batches(plan) if batch.shard == shard]
        for number, batch in enumerate(theirs):
            for person in batch.people.tolist():
                if first_seen.setdefault(person, number) != number:
                    assert number - first_seen[person] >= 8
                    repeats += 1
        assert repeats > 0


def test_a_shards_batches_keep_their_order_on_one_stream() -> None:
    by_shard = [
        [Batch(10 * shard + number, STOCK, shard, np.zeros(1, np.int64)) for number in range(3 - shard % 2)]
        for shard in range(5)
    ]
    lanes = lanes_of(by_shard, 2)
    assert sorted(batch.batch_id for lane in lanes for batch in lane) == sorted(
        batch.batch_id for shard in by_shard for batch in shard
    )
    for shard, of_shard in enumerate(by_shard):
        found = [batch for lane in lanes for batch in lane if batch.shard == shard]
        assert found == of_shard
    assert len(lanes_of(by_shard, 9)) == 5


@pytest.mark.parametrize("count", [1, 15, 16, 2_047, 2_048, 4_096])
def test_a_batch_is_encoded_as_the_contract_says(count: int) -> None:
    people = np.arange(1, count + 1, dtype=np.int64)
    read = allocation_pb2.ClaimBatchRequest.FromString(Batch(300, STOCK, 5, people).encoded())
    assert (read.batch_id, read.stock_id, read.shard) == (300, STOCK, 5)
    assert list(read.person_ids) == people.tolist()


@pytest.mark.parametrize("batch_id", [1, 127, 128, 300, 2**31])
def test_the_batch_of_an_answer_is_found_without_reading_it(batch_id: int) -> None:
    answer = allocation_pb2.ClaimBatchResponse(batch_id=batch_id, amounts_fen=[1, 2])
    assert _batch_id(answer.SerializeToString()) == batch_id


def test_a_tally_tells_wins_repeats_and_refusals_apart() -> None:
    tally = Tally()
    outcomes = [
        allocation_pb2.CLAIM_OUTCOME_WON,
        allocation_pb2.CLAIM_OUTCOME_ALREADY_WON,
        allocation_pb2.CLAIM_OUTCOME_SOLD_OUT,
        allocation_pb2.CLAIM_OUTCOME_WON,
    ]
    answer = allocation_pb2.ClaimBatchResponse(
        outcomes=outcomes, amounts_fen=[5, 9, 0, 7], packet_indexes=[1, 0, -1, 2]
    )
    tally.count(Batch(1, STOCK, 0, np.array([11, 12, 13, 14])), answer.SerializeToString())
    refused = allocation_pb2.ClaimBatchResponse(batch_id=2)
    refused.error.code = 8
    tally.count(Batch(2, STOCK, 0, np.array([15])), refused.SerializeToString())
    assert (tally.wins, tally.repeats, tally.refusals, tally.refused_batches) == (2, 1, 1, 1)
    assert tally.won_fen == 12
    people, amounts = tally.winners(0, 4)
    assert people.tolist() == [0, 11, 14, 0]
    assert amounts.tolist() == [0, 5, 7, 0]


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_workplace_is_gone_when_the_work_is_interrupted(tmp_path: Path) -> None:
    async def work() -> None:
        async with workplace(tmp_path) as place:
            place.start("sleeper", ("sleep", "60"), {})
            began.set_result(place)
            await asyncio.Event().wait()

    began: asyncio.Future[Workplace] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(work())
    place = await began
    (child,) = place.children
    assert place.folder.parent == tmp_path
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert child.exit_code is not None
    assert names_in(tmp_path) == []


async def test_a_workplace_needs_a_folder_and_room_in_it(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="there is no folder"):
        async with workplace(tmp_path / "nowhere"):
            pass
    with pytest.raises(Refusal, match="choose another folder"):
        async with workplace(tmp_path, bytes_needed=1 << 60):
            pass


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Refusal, match="apt-get install redis-server"):
        require_program("redis-server")
    with pytest.raises(Refusal, match="apt-get install redis-server; --redis-runs 0 leaves Redis out"):
        require_redis()


async def test_what_redis_says_is_read() -> None:
    said = b"+OK\r\n:42\r\n$5\r\nhello\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"
    reader = asyncio.StreamReader()
    reader.feed_data(said)

    class Sink:
        def write(self, _: bytes) -> None: ...

        async def drain(self) -> None: ...

    client = RedisClient(reader, Sink())  # type: ignore[arg-type]  # as much of a writer as is needed
    assert [await client.ask("PING") for _ in range(4)] == ["OK", 42, "hello", ["a", "b"]]

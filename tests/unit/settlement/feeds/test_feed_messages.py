from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from hongbao.settlement.v1 import events_pb2, settlement_pb2
from services.mesh.journal.port import Record
from services.settlement.api.feed_messages import onward_messages

TO_TWO = events_pb2.SettlementEvent(
    transfers=[events_pb2.Transfer(onward=events_pb2.Onward(shard=2, credit_account_id="wallet:8"))]
)
TO_NOBODY = events_pb2.SettlementEvent(transfers=[events_pb2.Transfer(credit_account_id="wallet:7")])


async def test_records_without_money_for_a_shard_wait_for_the_next_one_that_has_some() -> None:
    messages = await sent([[TO_NOBODY], [TO_NOBODY, TO_TWO, TO_NOBODY], [TO_NOBODY], [TO_TWO]], 10)
    assert seqs(messages) == [[1, 2, 3, 4], [5, 6]]
    with_content = [record.seq for message in messages for record in message.records if holds_any(record)]
    assert with_content == [3, 6]
    assert [record.seq for message in messages for record in message.records if record.trace_context] == [
        3,
        6,
    ]


async def test_as_many_records_as_fit_are_sent_though_none_has_money() -> None:
    messages = await sent([[TO_NOBODY] * 2, [TO_NOBODY] * 5, [TO_TWO] * 4, [TO_NOBODY]], 3)
    assert seqs(messages) == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11]]


async def test_records_without_money_wait_only_as_long_as_they_fit_into_a_message() -> None:
    messages = await sent([[TO_NOBODY] * 5, [TO_TWO] * 6], 100, empty_bytes_max=64)
    assert seqs(messages) == [[1, 2], [3, 4], [5, 6, 7, 8, 9, 10, 11]]
    assert all(message.ByteSize() <= 64 for message in messages[:2])


def holds_any(record: events_pb2.FeedRecord) -> bool:
    return bool(record.event.transfers)


async def sent(
    batches: Sequence[Sequence[events_pb2.SettlementEvent]], records_max: int, empty_bytes_max: int = 4_096
) -> list[settlement_pb2.ReadEventsResponse]:
    async def numbered() -> AsyncIterator[Sequence[Record]]:
        seq = 0
        for batch in batches:
            yield [
                Record(seq + number, 1, event.SerializeToString(), 5, "00-trace")
                for number, event in enumerate(batch, start=1)
            ]
            seq += len(batch)

    return [message async for message in onward_messages(numbered(), 2, records_max, empty_bytes_max)]


def seqs(messages: Sequence[settlement_pb2.ReadEventsResponse]) -> list[list[int]]:
    return [[record.seq for record in message.records] for message in messages]

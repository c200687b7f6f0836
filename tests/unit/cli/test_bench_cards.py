"""What `bench cards` sends, reads from answers, and counts from records on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hongbao.cards.v1 import cards_pb2, events_pb2
from services.cli.bench.cards_close import ClosingResult, Collectors
from services.cli.bench.cards_journals import Counted, compare
from services.cli.bench.cards_load import (
    DEALT,
    LATER,
    SOURCES,
    DealBatch,
    Told,
    batches_of,
    deal_numbers,
    read_answer,
    send_deals,
)
from services.cli.bench.cards_mesh import POOL_FEN, GamePlan
from services.cli.bench.cards_run import CardsResult, Sizes, _games
from services.cli.bench.wire import byte_column, read_varint, varint
from services.settlement.domain.campaign_books import CampaignBooks, books_of_campaign

PEOPLE = np.array([11, 12, 13], np.int64)
PLAN = GamePlan("bench-game", (2, 2, 2, 2, 1), {SOURCES[0]: 4, SOURCES[1]: 9}, 100, 1.0)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 1 << 40])
def test_numbers_are_written_as_messages_have_them(number: int) -> None:
    assert read_varint(b"\x08" + varint(number) + b"\x01", 1) == (number, 1 + len(varint(number)))


def test_a_number_that_is_cut_off_is_an_error() -> None:
    with pytest.raises(ValueError, match="in the middle"):
        read_varint(b"\x80", 0)


def test_a_batch_is_what_the_generated_code_would_have_written() -> None:
    request = cards_pb2.DealBatchRequest.FromString(DealBatch("bench-game", 3, 7, PEOPLE).encoded())
    assert (request.campaign_id, request.shard, request.source) == ("bench-game", 3, SOURCES[1])
    assert list(request.person_ids) == PEOPLE.tolist()
    assert list(request.source_keys) == ["k7"]
    own = DealBatch("bench-game", 3, 7, PEOPLE, has_own_keys=True)
    request = cards_pb2.DealBatchRequest.FromString(own.encoded())
    assert list(request.source_keys) == ["k7/11", "k7/12", "k7/13"]


def test_an_answer_is_read_as_the_generated_code_has_written_it() -> None:
    many = 300  # More than one byte of length.
    outcomes, cards = [DEALT, LATER] * (many // 2), [events_pb2.CARD_HARMONY, 0] * (many // 2)
    answer = cards_pb2.DealBatchResponse(cards=cards)  # type: ignore[arg-type]  # 0 is no card
    answer.outcomes.extend(outcomes)
    read = read_answer(answer.SerializeToString())
    assert [column.tolist() for column in read] == [outcomes, cards]


def test_a_column_that_is_not_there_is_empty() -> None:
    assert len(byte_column(b"", 0, 1)[0]) == 0
    assert len(byte_column(b"\x12\x01\x05", 0, 1)[0]) == 0


def test_everybody_gets_a_card_for_each_key_in_batches_of_one_shard() -> None:
    people = [np.arange(1, 6, dtype=np.int64), np.arange(11, 13, dtype=np.int64)]
    batches = batches_of("bench-game", people, [0, 1], 2)
    assert all(0 < len(batch.people) <= 2 for batch in batches)
    asked = [(batch.shard, batch.key, int(person)) for batch in batches for person in batch.people]
    assert sorted(asked) == [
        (shard, key, int(person)) for shard in (0, 1) for key in (0, 1) for person in people[shard]
    ]


async def test_what_is_told_to_come_later_comes_again_and_is_told_once() -> None:
    sent: list[list[int]] = []

    async def deal(content: bytes, **_: Any) -> bytes:
        request = cards_pb2.DealBatchRequest.FromString(content)
        sent.append(list(request.person_ids))
        is_first = len(sent) == 1
        outcomes = [DEALT, LATER, DEALT] if is_first else [DEALT]
        answer = cards_pb2.DealBatchResponse(cards=[1, 0, 2] if is_first else [3])  # type: ignore[list-item]
        answer.outcomes.extend(outcomes)
        return answer.SerializeToString()

    told, heard = Told(), list[int]()
    await send_deals(deal, [DealBatch("bench-game", 0, 5, PEOPLE)], 1, heard.append, told)
    assert sent == [[11, 12, 13], [12]]
    assert (told.dealt, told.later, heard) == (3, 1, [2, 1])
    deals, cards = told.columns()
    assert dict(zip(deals.tolist(), cards.tolist(), strict=True)) == {
        int(number): card for number, card in zip(deal_numbers(PEOPLE, 5), (1, 3, 2), strict=True)
    }


def _counted(*deals: events_pb2.Deal) -> Counted:
    counted = Counted()
    for deal in deals:
        counted.add(deal)
    return counted


def _deal(key: int, people: list[int], cards: list[int]) -> events_pb2.Deal:
    return events_pb2.Deal(
        campaign_id="bench-game",
        source=SOURCES[key % 2],
        person_ids=people,
        cards=cards,  # type: ignore[arg-type]  # numbers of cards
        source_keys=[f"k{key}"],
    )


@pytest.mark.parametrize(
    ("deals", "exceeded"),
    [
        ([_deal(0, [1, 2], [1, 1])], 0),
        ([_deal(0, [1, 2], [1, 1]), _deal(1, [1], [1])], 1),
        ([_deal(1, [1, 2, 3], [5, 5, 5])], 2),
        ([_deal(0, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5])], 1),
        ([_deal(0, [1, 2, 3, 4, 5], [1, 1, 1, 4, 5])], 2),
    ],
)
def test_cards_above_a_limit_or_a_quota_are_counted(deals: list[events_pb2.Deal], exceeded: int) -> None:
    assert _counted(*deals).limit_exceeded(PLAN) == exceeded


@pytest.mark.parametrize(
    ("deals", "found"),
    [
        ([_deal(0, [11, 12, 13], [1, 2, 3])], (0, 0, 0)),
        ([_deal(0, [13, 11], [3, 1])], (1, 0, 0)),
        ([_deal(0, [11, 12, 13], [1, 4, 3])], (1, 0, 0)),
        ([_deal(0, [11, 12, 13, 14], [1, 2, 3, 4])], (0, 0, 1)),
        ([_deal(0, [11, 12, 13], [1, 2, 3]), _deal(0, [11], [1])], (0, 1, 0)),
        ([_deal(2, [11, 12, 13], [1, 2, 3])], (3, 0, 3)),
        ([], (3, 0, 0)),
    ],
)
def test_what_people_were_told_is_put_beside_what_is_on_record(
    deals: list[events_pb2.Deal], found: tuple[int, int, int]
) -> None:
    told = Told(deals=[deal_numbers(PEOPLE, 0)], cards=[np.array([1, 2, 3], np.uint8)])
    compared = compare(_counted(*deals), told)
    assert (compared.lost, compared.twice, compared.unexplained) == found


def test_collectors_are_complete_with_the_fifth_kind() -> None:
    collectors = Collectors([np.array([1, 2], np.int64), np.array([9], np.int64)])
    told = Told()
    for key, cards in enumerate([(1, 1, 1), (2, 1, 2), (3, 2, 3), (4, 3, 4)]):
        told.deals.append(deal_numbers(np.array([1, 2, 9], np.int64), key))
        told.cards.append(np.array(cards, np.uint8))
    collectors.add(told, 0)
    assert collectors.complete == 0
    assert [people.tolist() for people in collectors.lacking()] == [[1, 2], [9]]
    told.deals.append(deal_numbers(np.array([9, 2, 1], np.int64), 4))
    told.cards.append(np.array([5, 5, 0], np.uint8))
    collectors.add(told, 4)
    assert collectors.complete == 1
    assert [people.tolist() for people in collectors.completers(1)] == [[], [9]]


def test_the_game_that_is_killed_has_fewer_cards_and_a_smaller_quota_than_are_asked_for() -> None:
    games = _games(Sizes(1_000, 0, 100, kills=1, shards=2, batch=10, window=1))
    asked = 4 * sum(map(len, games.crash_people))
    assert sum(games.crash.limits) < asked
    assert games.crash.quotas[SOURCES[0]] < asked // 2
    assert asked // 2 > sum(games.crash.limits) - games.crash.quotas[SOURCES[0]]


@pytest.mark.parametrize(
    ("prizes", "prizes_fen", "remainder_fen", "difference_fen"),
    [(3, 0, 0, 0), (4, 0, 0, 1), (3, -2, 0, 2), (3, 0, 5, 5)],
)
def test_decision_and_books_agree_to_the_fen(
    prizes: int, prizes_fen: int, remainder_fen: int, difference_fen: int
) -> None:
    share_fen, rest_fen = divmod(POOL_FEN, 3)
    books = books_of_campaign("bench-evening", [])
    values = {name: getattr(books, name) for name in CampaignBooks.__slots__} | {
        "prizes": prizes,
        "prizes_fen": 3 * share_fen + prizes_fen,
        "remainder_fen": rest_fen + remainder_fen,
    }
    decision = events_pb2.PoolDecided(share_fen=share_fen, remainder_fen=rest_fen)
    closing = ClosingResult(sets=3, books=CampaignBooks(**values), decision=decision)
    assert CardsResult(3, closing=closing).difference_fen == difference_fen
    assert CardsResult(3).difference_fen > 0

from __future__ import annotations

import pytest

from services.gateway.domain.rounds import Part, PartPicture, Phase, RoundBoard, Verdict, decide

CLOSES_AT_MS = 1_000_000
EVER = CLOSES_AT_MS - 1


@pytest.mark.parametrize(
    ("phase", "tokens", "now_ms", "has_won", "verdict"),
    [
        (Phase.SCHEDULED, 0, EVER, False, Verdict.NOT_OPEN),
        (Phase.SCHEDULED, 5, EVER, False, Verdict.NOT_OPEN),
        (Phase.SCHEDULED, 0, CLOSES_AT_MS, False, Verdict.CLOSED),
        (Phase.OPEN, 1, EVER, False, Verdict.CLAIM),
        (Phase.OPEN, 0, EVER, False, Verdict.MISS),
        (Phase.OPEN, 1, CLOSES_AT_MS, False, Verdict.CLOSED),
        (Phase.OPEN, 1, EVER, True, Verdict.ALREADY_WON),
        (Phase.OPEN, 0, EVER, True, Verdict.ALREADY_WON),
        (Phase.SOLD_OUT, 0, EVER, False, Verdict.SOLD_OUT),
        (Phase.SOLD_OUT, 5, EVER, False, Verdict.SOLD_OUT),
        (Phase.SOLD_OUT, 0, CLOSES_AT_MS, False, Verdict.CLOSED),
        (Phase.SOLD_OUT, 0, EVER, True, Verdict.ALREADY_WON),
        (Phase.CLOSED, 5, EVER, False, Verdict.CLOSED),
        (Phase.CLOSED, 0, CLOSES_AT_MS + 1, True, Verdict.ALREADY_WON),
    ],
)
def test_a_tap_is_judged_by_the_table(
    *, phase: Phase, tokens: int, now_ms: int, has_won: bool, verdict: Verdict
) -> None:
    assert decide(Part(phase, CLOSES_AT_MS, tokens), now_ms, has_won=has_won) is verdict


def test_a_shard_between_two_owners_has_nothing_to_give_but_remembers_winners() -> None:
    assert decide(None, EVER, has_won=False) is Verdict.MISS
    assert decide(None, EVER, has_won=True) is Verdict.ALREADY_WON


def test_an_unknown_stock_has_no_parts() -> None:
    assert RoundBoard(4).parts("spring.one") is None


def test_a_picture_replaces_what_was_said_of_its_shards_and_no_others() -> None:
    board = RoundBoard(4)
    board.replace([0, 1], [_open("spring.one", 0, 7), _open("spring.one", 1, 8)])
    board.replace([2], [_open("spring.one", 2, 9)])
    board.replace([0, 1], [_open("spring.one", 0, 3)])
    parts = board.parts("spring.one")
    assert parts is not None
    assert [part.tokens if part else None for part in parts] == [3, None, 9, None]


def test_a_stock_that_nobody_speaks_of_any_more_is_forgotten() -> None:
    board = RoundBoard(2)
    board.replace([0, 1], [_open("spring.one", 0, 1), _open("spring.two", 1, 1)])
    board.replace([0, 1], [_open("spring.two", 1, 1)])
    assert board.parts("spring.one") is None
    assert board.parts("spring.two") is not None


def test_what_a_lost_owner_said_stays_until_the_next_one_speaks() -> None:
    board = RoundBoard(2)
    board.replace([0, 1], [_open("spring.one", 0, 4), _open("spring.one", 1, 4)])
    board.replace([1], [_open("spring.one", 1, 2)])
    parts = board.parts("spring.one")
    assert parts is not None
    assert parts[0] == Part(Phase.OPEN, CLOSES_AT_MS, 4)


def test_the_board_knows_when_every_shard_has_been_heard_of() -> None:
    board = RoundBoard(2)
    board.replace([1], [])
    assert not board.has_heard_of_all()
    board.replace([0, 99], [])
    assert board.has_heard_of_all()


def _open(stock_id: str, shard: int, tokens: int) -> PartPicture:
    return PartPicture(stock_id, shard, Phase.OPEN, CLOSES_AT_MS, tokens)

"""What may be disputed, how often, and what is added to it."""

from __future__ import annotations

import pytest

from services.settlement.domain.disputes import decisions
from services.settlement.domain.disputes.dispute import new_dispute_id, person_of_dispute
from tests.unit.settlement.disputes.desk import EVE_MS, LIMITS, PERSON, Desk, refused, uuid


def test_a_dispute_is_named_after_its_person_and_its_request() -> None:
    dispute_id = new_dispute_id(PERSON, uuid(1).upper())
    assert dispute_id == new_dispute_id(PERSON, uuid(1))
    assert person_of_dispute(dispute_id) == PERSON
    others = {new_dispute_id(PERSON, uuid(2)), new_dispute_id(8, uuid(1))}
    assert len(others) == 2
    assert dispute_id not in others


def test_the_same_request_again_opens_nothing() -> None:
    desk = Desk()
    entry = desk.credited(350)
    assert desk.open(1, entry)
    assert not desk.open(1, entry)
    with refused("REQUEST_ID_REUSED"):
        desk.open(1, entry, text="另一句话")
    with refused("REQUEST_ID_REUSED"):
        desk.open(1, desk.credited(350))


def test_an_entry_has_one_open_dispute_at_a_time() -> None:
    desk = Desk()
    entry = desk.credited(350)
    first = desk.opened(entry)
    with refused("ENTRY_ALREADY_DISPUTED"):
        desk.open(2, entry)
    desk.decide(first, 0)
    assert desk.open(2, entry)


def test_what_was_paid_for_a_dispute_is_not_disputed_again() -> None:
    desk = Desk()
    desk.fund(100)
    desk.decide(desk.opened(desk.credited(350)), 100)
    with refused("ENTRY_NOT_DISPUTABLE"):
        desk.open(2, desk.entry(len(desk.journal)))


def test_old_entries_cannot_be_disputed() -> None:
    desk = Desk()
    entry = desk.credited(350)
    desk.pass_days(180)
    assert desk.open(1, entry)
    desk.pass_days(1)
    with refused("ENTRY_TOO_OLD"):
        desk.open(2, entry)


def test_a_person_has_so_many_open_disputes_and_no_more() -> None:
    desk = Desk()
    dispute_ids = [desk.opened(desk.credited(100), number) for number in range(LIMITS.open_max)]
    with refused("DISPUTE_LIMIT_EXCEEDED") as refusal:
        desk.open(9, desk.credited(100))
    assert refusal.value.metadata == {"limit": "dispute_open_max", "used": "3", "max": "3"}
    desk.withdraw(dispute_ids[1])
    assert desk.open(9, desk.credited(100))
    assert desk.open(10, desk.credited(100, PERSON + 1), PERSON + 1)


def test_a_person_opens_so_many_disputes_in_a_year_of_beijing_and_no_more() -> None:
    desk = Desk()
    for number in range(LIMITS.year_max):
        desk.withdraw(desk.opened(desk.credited(100), number))
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.open(50, desk.credited(100))
    # At four in the afternoon in Greenwich it is the next year in Beijing.
    desk.now_ms = 1_483_200_000_000 - 1
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.open(50, desk.credited(100))
    desk.now_ms += 1
    assert desk.open(50, desk.credited(100))


def test_a_shard_remembers_so_many_disputes_and_takes_no_more() -> None:
    desk = Desk()
    desk.with_limits(shard_max=2)
    for number in (1, 2):
        desk.opened(desk.credited(100, number), number, number)
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.open(3, desk.credited(100))


@pytest.mark.parametrize(
    ("ahead_ms", "reason"),
    [(0, "DISPUTE_REQUEST_TOO_LATE"), (-1, "DISPUTE_REQUEST_TOO_LATE"), (60_001, "DISPUTE_REQUEST_TOO_LONG")],
)
def test_a_request_says_until_when_it_may_be_carried_out(ahead_ms: int, reason: str) -> None:
    decisions.check_in_time(EVE_MS + 60_000, EVE_MS, LIMITS)
    with refused(reason):
        decisions.check_in_time(EVE_MS + ahead_ms, EVE_MS, LIMITS)


def test_evidence_is_added_once_for_each_request_and_so_often() -> None:
    desk = Desk()
    dispute_id = desk.opened(desk.credited(350))
    assert desk.add_evidence(dispute_id, 1001)
    assert not desk.add_evidence(dispute_id, 1001)
    with refused("REQUEST_ID_REUSED"):
        desk.add_evidence(dispute_id, 1001, text="别的")
    with refused("REQUEST_ID_REUSED"):
        desk.add_evidence(dispute_id, 1001, operator="wang")
    assert desk.add_evidence(dispute_id, 1002)
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.add_evidence(dispute_id, 1003)
    assert not desk.add_evidence(dispute_id, 1002), "what was done before is told, whatever the limits"


def test_words_are_bounded_for_a_dispute_and_for_a_shard() -> None:
    desk = Desk()
    dispute_id = desk.opened(desk.credited(350))
    desk.with_limits(bytes_max=desk.dispute(dispute_id).kept_bytes + 1)
    desk.add_evidence(dispute_id, 1001, text="长" * 2_000)
    with refused("DISPUTE_LIMIT_EXCEEDED") as refusal:
        desk.add_evidence(dispute_id, 1002)
    assert refusal.value.metadata["limit"] == "dispute_bytes_max"
    kept_bytes = desk.state.disputes.kept_bytes
    assert kept_bytes == desk.dispute(dispute_id).kept_bytes > 6_000
    desk.with_limits(bytes_max=1 << 20, shard_bytes_max=kept_bytes)
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.open(2, desk.credited(100))
    with refused("DISPUTE_LIMIT_EXCEEDED"):
        desk.add_evidence(dispute_id, 1003)
    desk.crash(snapshot_seq=len(desk.journal))
    assert desk.state.disputes.kept_bytes == kept_bytes
    desk.withdraw(dispute_id)
    desk.pass_days(500)
    desk.with_limits(shard_bytes_max=1 << 20)
    desk.opened(desk.credited(100), 3)
    assert desk.state.disputes.kept_bytes < 1_000, "what is forgotten takes nothing"


def test_another_person_adds_no_evidence() -> None:
    desk = Desk()
    with refused("DISPUTE_UNKNOWN"):
        desk.add_evidence(desk.opened(desk.credited(350)), person_id=PERSON + 1)

from __future__ import annotations

import pytest

from services.mesh.language import sentence
from services.social.domain.circles.circle import (
    CircleId,
    ContentState,
    Place,
    Score,
    check_score,
    day_of,
    removed,
)
from services.social.domain.circles.errors import (
    CommentUnknown,
    CreditTooLow,
    NotAuthor,
    OwnContent,
    PostUnknown,
    ReportDecided,
)
from services.social.domain.circles.report import (
    Complaint,
    Decision,
    Report,
    ReportId,
    ReportReason,
    ReportState,
    check_complaint,
    decided,
    reported,
)
from services.social.domain.relation import PersonId

CIRCLE = CircleId(9)
WAYS = tuple((f"WAY_{number}", sentence(f"办法{number}。", f"Way {number}.")) for number in range(1, 6))
OPEN = Report(ReportId(5), Place(CIRCLE, 3), PersonId(2), ReportState.OPEN, 1, 1_000)


def test_a_score_that_is_enough_is_enough() -> None:
    check_score(CIRCLE, 750, Score(750, WAYS))


def test_a_refusal_says_what_it_takes_what_there_is_and_the_three_best_ways_to_raise_it() -> None:
    with pytest.raises(CreditTooLow) as refused:
        check_score(CIRCLE, 750, Score(749, WAYS))
    assert refused.value.metadata["raises"] == "WAY_1,WAY_2,WAY_3"
    assert refused.value.localized["zh-CN"].startswith("需要信用分 750，你目前为 749。")
    assert refused.value.localized["zh-CN"].endswith("办法1；办法2；办法3。")
    assert refused.value.localized["en"] == (
        "This takes a credit score of 750; yours is 749. Way 1. Way 2. Way 3."
    )


def test_a_refusal_without_ways_says_so_much() -> None:
    with pytest.raises(CreditTooLow) as refused:
        check_score(CIRCLE, 750, Score(350, ()))
    assert refused.value.localized["zh-CN"] == "需要信用分 750，你目前为 350。"


def test_a_day_begins_at_midnight_in_beijing() -> None:
    assert day_of(57_599_999) == 0
    assert day_of(57_600_000) == 1


def decision(state: ReportState, now_ms: int) -> Decision:
    return Decision(OPEN.report_id, state, "涉嫌诈骗", "lin", now_ms)


@pytest.mark.parametrize("state", [ReportState.TAKEN_DOWN, ReportState.DISMISSED])
@pytest.mark.parametrize("again", [ReportState.TAKEN_DOWN, ReportState.DISMISSED])
@pytest.mark.parametrize("same_words", [True, False])
def test_a_decision_stands_with_its_outcome_and_its_words(
    state: ReportState, again: ReportState, *, same_words: bool
) -> None:
    known = decided(OPEN, decision(state, 2_000), same_words=True)
    assert (known.state, known.decided_ms) == (state, 2_000)
    if again is state and same_words:
        assert decided(known, decision(again, 9_000), same_words=True) == known
        return
    with pytest.raises(ReportDecided) as refused:
        decided(known, decision(again, 9_000), same_words=same_words)
    assert refused.value.metadata == {"report_id": "5", "state": state.name}


def test_what_was_dismissed_is_open_again_when_somebody_else_reports_it() -> None:
    dismissed = decided(OPEN, decision(ReportState.DISMISSED, 2_000), same_words=True)
    again = reported(dismissed, 3_000)
    assert (again.state, again.reporter_count, again.opened_ms, again.decided_ms) == (
        ReportState.OPEN,
        2,
        3_000,
        0,
    )
    assert reported(OPEN, 3_000).opened_ms == 1_000


@pytest.mark.parametrize(
    ("place", "gone"), [(Place(CIRCLE, 3), PostUnknown), (Place(CIRCLE, 3, 4), CommentUnknown)]
)
def test_only_authors_remove_what_others_see_and_only_others_report_it(
    place: Place, gone: type[Exception]
) -> None:
    author, other = PersonId(2), PersonId(3)
    visible, hidden = ContentState.VISIBLE, (ContentState.TAKEN_DOWN, ContentState.REMOVED)
    theirs, own = (Complaint(place, person, ReportReason.SPAM, "", 0) for person in (other, author))
    assert removed(place, visible, author, author) is ContentState.REMOVED
    assert [removed(place, state, author, author) for state in hidden] == list(hidden)
    with pytest.raises(NotAuthor):
        removed(place, visible, author, other)
    check_complaint(theirs, visible, author)
    with pytest.raises(OwnContent):
        check_complaint(own, visible, author)
    for state in hidden:
        with pytest.raises(gone):
            removed(place, state, author, other)
        with pytest.raises(gone):
            check_complaint(theirs, state, author)

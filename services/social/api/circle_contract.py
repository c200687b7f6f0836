"""Circles of the contract and of the domain."""

from __future__ import annotations

from hongbao.social.v1 import circle_pb2 as pb
from services.mesh.timestamps import timestamp, timestamp_or_none
from services.social.domain.circles.circle import Circle, Content
from services.social.domain.circles.report import Notice, ShownReport


def circle_to_contract(circle: Circle) -> pb.Circle:
    """A circle."""
    return pb.Circle(
        circle_id=circle.circle_id,
        name=circle.name,
        owner_person_id=circle.owner,
        post_score_min=circle.post_score_min,
        comment_score_min=circle.comment_score_min,
        created_at=timestamp(circle.created_ms),
    )


def post_to_contract(post: Content) -> pb.Post:
    """A post."""
    return pb.Post(
        circle_id=post.place.circle_id,
        post_id=post.place.post_id,
        author_person_id=post.author,
        text=post.words,
        state=pb.ContentState.ValueType(post.state),
        created_at=timestamp(post.written_ms),
        like_count=post.like_count,
        comment_count=post.comment_count,
        is_liked=post.is_liked,
        decision_words=post.decision_words,
    )


def comment_to_contract(comment: Content) -> pb.Comment:
    """A comment."""
    return pb.Comment(
        circle_id=comment.place.circle_id,
        post_id=comment.place.post_id,
        comment_id=comment.place.comment_id,
        author_person_id=comment.author,
        text=comment.words,
        state=pb.ContentState.ValueType(comment.state),
        created_at=timestamp(comment.written_ms),
        decision_words=comment.decision_words,
    )


def notice_to_contract(notice: Notice) -> pb.Notice:
    """What an author is told."""
    return pb.Notice(
        circle_id=notice.place.circle_id,
        post_id=notice.place.post_id,
        comment_id=notice.place.comment_id,
        words=notice.words,
        taken_down_at=timestamp(notice.taken_down_ms),
    )


def report_to_contract(shown: ShownReport, now_ms: int) -> pb.Report:
    """A report, and how long it has waited."""
    report = shown.report
    return pb.Report(
        report_id=report.report_id,
        circle_id=report.place.circle_id,
        post_id=report.place.post_id,
        comment_id=report.place.comment_id,
        author_person_id=report.author,
        text=shown.words,
        state=pb.ReportState.ValueType(report.state),
        reporter_count=report.reporter_count,
        reasons=[pb.ReportReason.ValueType(reason) for reason in shown.reasons],
        words=shown.reporters_words,
        opened_at=timestamp(report.opened_ms),
        age_s=max(0, (report.decided_ms or now_ms) - report.opened_ms) // 1000,
        decided_at=timestamp_or_none(report.decided_ms),
        decision_words=shown.decision_words,
        operator=shown.operator,
    )

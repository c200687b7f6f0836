"""Circles: one in which most can write, and one in which few can; and a post that an operator takes down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hongbao.gateway.v1 import circle_pb2 as gateway
from hongbao.social.v1 import circle_pb2, circle_pb2_grpc
from services.cli.gala.crowd import everyone
from services.cli.gala.people import Player
from services.cli.gala.people_report import CircleFigures
from services.cli.gala.stage import AT_ONCE, Stage
from services.mesh.errors import ServiceError

SCORE_FOR_MOST = 500
"""What everybody has who is verified and has done nothing wrong."""
_SCORE_MAX = 950
_POSTS, _COMMENTS, _LIKES = 4, 6, 10
POST = "今年的福卡，大家都集齐了吧。"
COMMENT = "还差一张敬业福。"
REPORTED = "点这里，红包翻倍。"
DECISION = "广告，已删除。"
_OPERATOR = "gala"


@dataclass(slots=True)
class InCircles:
    """What people did, and where."""

    posts: int = 0
    comments: int = 0
    comments_shown: int = 0
    likes: int = 0
    likes_shown: int = 0
    refused: int = 0
    explained: int = 0
    taken_down: int = 0
    told: int = 0
    circle_id: int = 0
    post_ids: dict[int, int] = field(default_factory=dict)
    """Posts in the circle for most, by the number of who wrote them."""

    def figures(self) -> CircleFigures:
        """For the report."""
        return CircleFigures(
            posts=self.posts,
            comments=self.comments,
            comments_shown=self.comments_shown,
            likes=self.likes,
            likes_shown=self.likes_shown,
            refused=self.refused,
            explained=self.explained,
            taken_down=self.taken_down,
            told=self.told,
        )


async def meet_in_circles(stage: Stage, trusted: Player, others: Sequence[Player]) -> InCircles:
    """`trusted` has the best score of all and may write everywhere; the others only where most may."""
    stage.progress.act = "people meet in circles"
    done = InCircles()
    await _meet(stage, trusted, others, done)
    await _find_few(stage, trusted, others, done)
    await _report_one(stage, others, done)
    return done


async def _meet(stage: Stage, trusted: Player, others: Sequence[Player], done: InCircles) -> None:
    circles = stage.apps.circles
    done.circle_id = await circles.create(trusted, "集福", SCORE_FOR_MOST, SCORE_FOR_MOST)

    async def write(author: Player) -> None:
        done.post_ids[author.number] = await circles.post(author, done.circle_id, POST)
        done.posts += 1

    async def comment(author: Player) -> None:
        await circles.comment(author, done.circle_id, done.post_ids[trusted.number], COMMENT)
        done.comments += 1

    async def like(reader: Player) -> None:
        await circles.like(reader, done.circle_id, done.post_ids[trusted.number])
        done.likes += 1

    await everyone([trusted, *others[: _POSTS - 1]], write, AT_ONCE)
    await everyone(others[:_COMMENTS], comment, AT_ONCE)
    await everyone(others[:_LIKES], like, AT_ONCE)
    post = await circles.look(trusted, done.circle_id, done.post_ids[trusted.number])
    done.comments_shown, done.likes_shown = post.comment_count, post.like_count


async def _find_few(stage: Stage, trusted: Player, others: Sequence[Player], done: InCircles) -> None:
    """A circle that asks for what the trusted one has: others are told what it takes."""
    circles = stage.apps.circles
    scores = {player.number: (await stage.apps.credit.score(player)).score for player in others[:_POSTS]}
    needed = min(_SCORE_MAX, max((await stage.apps.credit.score(trusted)).score, *scores.values(), 0))
    needed += needed in scores.values() and needed < _SCORE_MAX
    circle_id = await circles.create(trusted, "老友", needed, needed)
    if (await stage.apps.credit.score(trusted)).score >= needed:
        await circles.post(trusted, circle_id, POST)
        done.posts += 1
    for player in others[:_POSTS]:
        try:
            await circles.post(player, circle_id, POST)
        except ServiceError as error:
            if error.reason != "CREDIT_TOO_LOW":
                raise
            done.refused += 1
            done.explained += error.metadata["score_min"] == str(needed)
        else:
            done.posts += 1


async def _report_one(stage: Stage, others: Sequence[Player], done: InCircles) -> None:
    """Somebody's post is reported, and an operator takes it down."""
    circles = stage.apps.circles
    if len(others) <= 1:
        return
    author, reader = others[0], others[-1]
    post_id = await circles.post(author, done.circle_id, REPORTED)
    done.posts += 1
    await circles.report(reader, done.circle_id, post_id, "总是发广告")
    await _take_down(stage, done.circle_id, post_id)
    try:
        await circles.look(reader, done.circle_id, post_id)
    except ServiceError as error:
        if error.reason != "POST_UNKNOWN":
            raise
        done.taken_down += 1
    shown = await circles.look(author, done.circle_id, post_id)
    words = [notice.words for notice in await circles.notices(author) if notice.post_id == post_id]
    done.told += words == [DECISION] and shown.state == gateway.CONTENT_STATE_TAKEN_DOWN


async def _take_down(stage: Stage, circle_id: int, post_id: int) -> None:
    """What an operator does who looks through the queue."""
    queue = circle_pb2.ListReportsRequest(state=circle_pb2.REPORT_STATE_OPEN, page_size=100)
    while True:
        page = await stage.office.as_operator(
            "social",
            lambda channel, timeout_s: circle_pb2_grpc.CircleServiceStub(channel).ListReports(
                queue, timeout=timeout_s
            ),
        )
        found = [
            report for report in page.reports if (report.circle_id, report.post_id) == (circle_id, post_id)
        ]
        if found or not page.next_page_token:
            break
        queue.page_token = page.next_page_token
    for report in found:
        request = circle_pb2.TakeDownRequest(report_id=report.report_id, words=DECISION, operator=_OPERATOR)
        await stage.office.as_operator(
            "social",
            lambda channel, timeout_s, request=request: circle_pb2_grpc.CircleServiceStub(channel).TakeDown(  # type: ignore[misc]
                request, timeout=timeout_s
            ),
        )

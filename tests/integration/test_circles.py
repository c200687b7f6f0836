"""Circles on real databases, with identity's contract behind them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hongbao.identity.v1 import credit_pb2
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.reach import Reach
from services.mesh.shards.directory import Directory
from services.social.adapters.chat.foundation import Chat, open_chat
from services.social.adapters.circles.conduct import ConductReporter
from services.social.adapters.circles.news import hear
from services.social.adapters.circles.reports import SqlReportStore
from services.social.adapters.circles.scores import IdentityScores, NoScores
from services.social.adapters.circles.store import SqlCircleStore
from services.social.adapters.circles.tables import decisions, texts
from services.social.domain.circles.circle import CircleId, Content, ContentState, Place
from services.social.domain.circles.circles import Circles, Moderation
from services.social.domain.circles.errors import (
    CommentUnknown,
    CreditTooLow,
    CreditUnavailable,
    NotAuthor,
    PostUnknown,
    ReportDecided,
)
from services.social.domain.circles.ports import CircleLimits, Scores
from services.social.domain.circles.report import (
    Complaint,
    Decision,
    ReportId,
    ReportReason,
    ReportState,
    ShownReport,
)
from services.social.domain.people import PersonErased, PersonEvent, PersonNews, PersonsMerged
from services.social.domain.relation import PersonId
from services.social.settings import SocialSettings
from tests.contract.bench import Bench
from tests.contract.stub import StubServer
from tests.integration.people_databases import database_url

__all__ = ["database_url"]

ANNA, BAO, CHEN, DING = (PersonId(number) for number in (1, 2, 3, 4))
LIMITS = CircleLimits(circles_max=100, texts_per_day_max=100)
CHECK = "hongbao.identity.v1.CreditService/CheckScores"
CONDUCT = "hongbao.identity.v1.CreditService/ReportConduct"


class Process:
    """One process of social, as far as circles go."""

    def __init__(self, bench: Bench, chat: Chat, scores: Scores) -> None:
        self.chat = chat
        self.circles = Circles(SqlCircleStore(chat.database, chat.texts), scores, bench.clock, LIMITS)
        self.moderation = Moderation(SqlReportStore(chat.database, chat.texts), bench.clock)
        self._clock = bench.clock

    async def circle(self, score_min: int = 0) -> CircleId:
        made = await self.circles.create(ANNA, str(uuid.uuid4()), "校园日记", score_min, score_min)
        return made.circle_id

    async def post(self, circle_id: CircleId, author: PersonId = BAO, words: str = "新年快乐") -> Content:
        return await self.circles.post(author, str(uuid.uuid4()), circle_id, words)

    async def take_down(self, place: Place) -> ShownReport:
        complaint = Complaint(place, DING, ReportReason.FRAUD, "他要我转账", self._clock.now_ms())
        await self.moderation.report(complaint)
        (*_, shown) = (await self.moderation.reports(ReportState.OPEN, 0, "")).items
        return await self.moderation.decide(self.decision(shown.report.report_id))

    def decision(self, report_id: ReportId, words: str = "涉嫌诈骗", operator: str = "lin") -> Decision:
        return Decision(report_id, ReportState.TAKEN_DOWN, words, operator, self._clock.now_ms())

    async def hear(self, news: PersonNews) -> None:
        event = PersonEvent(1, self._clock.now_ms(), "", news)
        await self.chat.database.write(lambda connection: hear(connection, event))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(tmp_path) as bench:
        yield bench


@asynccontextmanager
async def processes(bench: Bench, url: str, count: int, scores: Scores) -> AsyncIterator[list[Process]]:
    settings = SocialSettings(database_url=url, social_key_file=str(bench.folder / "social.key"))
    async with AsyncExitStack() as stack:
        chats = [await stack.enter_async_context(open_chat(settings, bench.clock)) for _ in range(count)]
        yield [Process(bench, chat, scores) for chat in chats]


async def test_posts_of_two_processes_are_numbered_without_gaps_and_likes_are_counted_once(
    bench: Bench, database_url: str
) -> None:
    async with processes(bench, database_url, 2, NoScores()) as both:
        circle_id = await both[0].circle()
        again = str(uuid.uuid4())
        written = await asyncio.gather(
            *(process.post(circle_id) for process in both for _ in range(5)),
            *(process.circles.post(BAO, again, circle_id, "又来") for process in both),
        )
        assert sorted({post.place.post_id for post in written}) == list(range(1, 12))
        likes = [
            process.circles.like(circle_id, 1, PersonId(person), likes=True)
            for process in both
            for person in range(1, 6)
        ]
        await asyncio.gather(*likes)
        assert (await both[0].circles.read(circle_id, 1, ANNA)).like_count == 5


async def test_words_are_sealed_and_gone_when_their_author_is_erased(bench: Bench, database_url: str) -> None:
    async with processes(bench, database_url, 1, NoScores()) as (process,):
        circle_id = await process.circle()
        # Written by an account that turned out to be Bao's.
        post = await process.post(circle_id, author=CHEN)
        await process.circles.like(circle_id, 1, CHEN, likes=True)
        await process.circles.like(circle_id, 1, BAO, likes=True)
        await process.take_down(post.place)
        kept = await process.chat.database.read(lambda connection: connection.execute(sa.select(texts)).one())
        assert "新年快乐" not in bytes(kept.words).decode(errors="replace")
        await process.hear(PersonsMerged(CHEN, BAO))
        seen = await process.circles.read(circle_id, 1, BAO)
        assert (seen.author, seen.words, seen.state) == (BAO, "新年快乐", ContentState.TAKEN_DOWN)
        assert (seen.like_count, seen.is_liked) == (1, True)
        assert [notice.words for notice in (await process.moderation.notices(BAO, 0, "")).items] == [
            "涉嫌诈骗"
        ]
        await process.hear(PersonErased(BAO))
        await process.hear(PersonErased(DING))
        (shown,) = (await process.moderation.reports(ReportState.TAKEN_DOWN, 0, "")).items
        assert (shown.words, shown.reporters_words) == ("", [])
        seen = await process.circles.read(circle_id, 1, BAO)
        assert (seen.words, seen.decision_words, seen.state) == ("", "", ContentState.ERASED)
        await process.hear(PersonErased(ANNA))
        assert (await process.circles.circle(circle_id)).name == ""


async def test_who_was_erased_just_before_writes_nothing_rather_than_texts_without_words(
    bench: Bench,
) -> None:
    async with processes(bench, f"sqlite:{bench.folder}", 1, NoScores()) as (process,):
        circle_id = await process.circle()
        place = (await process.post(circle_id)).place
        await process.chat.database.write(lambda connection: process.chat.texts.erase(connection, BAO))
        process.chat.texts.forget(BAO)
        complaint = Complaint(place, BAO, ReportReason.FRAUD, "他要我转账", 0)
        for attempt in (
            process.post(circle_id),
            process.circles.comment(BAO, str(uuid.uuid4()), circle_id, 1, "顶"),
            process.circles.create(BAO, str(uuid.uuid4()), "校园日记", 0, 0),
            process.moderation.report(complaint),
        ):
            with pytest.raises(ServiceError, match="RECORD_ERASED"):
                await attempt
        await bench.clock.advance(60)
        assert (await process.post(circle_id)).words == "新年快乐"


@pytest.mark.parametrize("state", [ContentState.TAKEN_DOWN, ContentState.REMOVED])
async def test_below_what_was_taken_down_or_removed_nobody_comments_or_likes(
    bench: Bench, state: ContentState
) -> None:
    async with processes(bench, f"sqlite:{bench.folder}", 1, NoScores()) as (process,):
        circle_id = await process.circle()
        post = await process.post(circle_id)
        below = await process.circles.comment(ANNA, str(uuid.uuid4()), circle_id, 1, "顶")
        if state is ContentState.TAKEN_DOWN:
            await process.take_down(post.place)
        assert (await process.circles.remove(post.place, BAO)).state is state
        with pytest.raises(PostUnknown):
            await process.circles.comment(ANNA, str(uuid.uuid4()), circle_id, 1, "顶")
        with pytest.raises(PostUnknown):
            await process.circles.like(circle_id, 1, ANNA, likes=True)
        # What stands below it already is gone with it, but for those who wrote the one or the other.
        complaint = Complaint(below.place, DING, ReportReason.FRAUD, "", bench.clock.now_ms())
        with pytest.raises(PostUnknown):
            await process.moderation.report(complaint)
        with pytest.raises(CommentUnknown):
            await process.circles.remove(below.place, DING)
        with pytest.raises(NotAuthor):
            await process.circles.remove(below.place, BAO)
        assert (await process.circles.remove(below.place, ANNA)).state is ContentState.REMOVED
        assert (await process.circles.posts(circle_id, ANNA, 0, "")).items == []
        (seen,) = (await process.circles.posts(circle_id, BAO, 0, "")).items
        assert (seen.state, seen.words) == (state, "新年快乐")


async def test_of_two_operators_at_once_one_decides_also_where_the_author_is_erased_since(
    bench: Bench, database_url: str
) -> None:
    async with processes(bench, database_url, 2, NoScores()) as both:
        place = (await both[0].post(await both[0].circle())).place
        await both[0].moderation.report(Complaint(place, DING, ReportReason.FRAUD, "", bench.clock.now_ms()))
        told = await asyncio.gather(
            *(
                process.moderation.decide(process.decision(ReportId(1), f"words of {name}", name))
                for process, name in zip(both, ("lin", "wang"), strict=True)
            ),
            return_exceptions=True,
        )
        (shown,) = (one for one in told if isinstance(one, ShownReport))
        (refused,) = (one for one in told if not isinstance(one, ShownReport))
        assert isinstance(refused, ReportDecided)
        assert shown.decision_words == f"words of {shown.operator}"
        await both[0].hear(PersonErased(BAO))
        # The words are gone; what was said can be told by its hash.
        same = both[1].decision(ReportId(1), f"words of {shown.operator}", "zhao")
        assert (await both[1].moderation.decide(same)).operator == shown.operator
        with pytest.raises(ReportDecided):
            await both[1].moderation.decide(both[1].decision(ReportId(1), "words of zhao", "zhao"))


async def test_a_database_from_before_names_were_kept_opens_and_its_decisions_stand(bench: Bench) -> None:
    url = f"sqlite:{bench.folder}"
    async with processes(bench, url, 1, NoScores()) as (process,):
        await process.take_down((await process.post(await process.circle())).place)
        await process.chat.database.write(decisions.drop)
    async with processes(bench, url, 1, NoScores()) as (process,):
        again = await process.moderation.decide(process.decision(ReportId(1), "别的原因", "wang"))
        assert (again.operator, again.decision_words) == ("", "涉嫌诈骗")


class Credit:
    """Identity's credit, which can be away."""

    def __init__(self, stub: StubServer) -> None:
        self.points, self.asked, self.is_away = 640, 0, False
        self.told: list[credit_pb2.ReportConductRequest] = []
        stub.play(CHECK, self._check)
        stub.play(CONDUCT, self._report)

    async def _check(self, request: credit_pb2.CheckScoresRequest, _context: Any) -> Any:
        self._require()
        self.asked += 1
        way = credit_pb2.ScoreRaise(
            kind=credit_pb2.CREDIT_RAISE_BIND_CARD,
            points=30,
            sentence=credit_pb2.Sentence(chinese="绑定银行卡。", english="Bind a bank card."),
        )
        score = credit_pb2.Score(person_id=request.person_ids[0], score=self.points, raises=[way])
        return credit_pb2.CheckScoresResponse(scores=[score])

    async def _report(self, request: credit_pb2.ReportConductRequest, _context: Any) -> Any:
        self._require()
        self.told.append(request)
        return credit_pb2.ReportConductResponse()

    def _require(self) -> None:
        if self.is_away:
            raise Away("nobody is there")


class Away(ServiceError):
    """Identity does not answer."""

    kind = ErrorKind.UNAVAILABLE
    reason = "DATABASE_UNAVAILABLE"


async def reach_of(bench: Bench) -> tuple[Reach, Credit]:
    stub = await bench.stub("identity")
    directory = Directory(fixed={"identity": [stub.address]}, clock=bench.clock)
    return Reach(bench.channels("social"), directory, {}), Credit(stub)


async def until_done(bench: Bench, waiting: asyncio.Future[Any]) -> None:
    """Lets time pass until it is done; the database takes real time, too."""
    for _ in range(20_000):
        if waiting.done():
            return
        await bench.clock.advance(0.05)
        await asyncio.sleep(0.001)


async def test_identity_is_asked_once_in_a_while_and_says_why(bench: Bench) -> None:
    reach, credit = await reach_of(bench)
    scores = IdentityScores(reach, bench.clock, wait_s=1, remember_s=30, people_max=2, calls_max=1)
    async with processes(bench, f"sqlite:{bench.folder}", 1, scores) as (process,):
        circle_id = await process.circle(score_min=650)
        for _ in range(2):
            with pytest.raises(CreditTooLow) as refused:
                await process.post(circle_id)
        assert refused.value.metadata == {
            "circle_id": "1",
            "score_min": "650",
            "score": "640",
            "raises": "BIND_CARD",
        }
        assert refused.value.localized["zh-CN"].endswith("绑定银行卡。")
        assert credit.asked == 1
        credit.points = 700
        await bench.clock.advance(30)
        await process.post(circle_id)
        assert credit.asked == 2


async def test_while_identity_is_away_people_read_and_wait_with_writing(bench: Bench) -> None:
    reach, credit = await reach_of(bench)
    scores = IdentityScores(reach, bench.clock, wait_s=1, remember_s=0, people_max=2, calls_max=1)
    async with processes(bench, f"sqlite:{bench.folder}", 1, scores) as (process,):
        open_to_all, guarded = await process.circle(), await process.circle(score_min=600)
        credit.is_away = True
        posting = asyncio.ensure_future(process.post(guarded))
        await until_done(bench, posting)
        with pytest.raises(CreditUnavailable):
            await posting
        await process.post(open_to_all)
        assert len((await process.circles.posts(open_to_all, ANNA, 0, "")).items) == 1


async def test_what_was_taken_down_is_told_to_identity_once_it_is_there(bench: Bench) -> None:
    reach, credit = await reach_of(bench)
    async with processes(bench, f"sqlite:{bench.folder}", 1, NoScores()) as (process,):
        circle_id = await process.circle()
        await process.take_down((await process.post(circle_id)).place)
        reporter = ConductReporter(process.chat.database, reach, bench.clock, look_s=1, wait_s=0.05)
        credit.is_away = True
        looking = asyncio.ensure_future(reporter.look())
        await until_done(bench, looking)
        with pytest.raises(ServiceError):
            await looking
        credit.is_away = False
        await reporter.look()
        await reporter.look()
        (told,) = credit.told
        assert (told.conduct_id, told.person_id) == ("report/1", BAO)
        assert told.kind == credit_pb2.CONDUCT_KIND_POST_TAKEN_DOWN

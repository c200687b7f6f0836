"""The contract of circles in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.social.v1 import circle_pb2 as pb
from hongbao.social.v1.circle_pb2_grpc import CircleServiceServicer
from services.mesh.timestamps import timestamp
from services.social.api.circle_contract import (
    circle_to_contract,
    comment_to_contract,
    notice_to_contract,
    post_to_contract,
    report_to_contract,
)
from services.social.domain.circles.circle import CircleId, Place
from services.social.domain.circles.circles import Circles, Moderation
from services.social.domain.circles.report import (
    Complaint,
    Decision,
    ReportId,
    ReportReason,
    ReportState,
    ShownReport,
)
from services.social.domain.relation import PersonId


class CircleApi(CircleServiceServicer):
    """Serves `hongbao.social.v1.CircleService`."""

    def __init__(self, circles: Circles, moderation: Moderation) -> None:
        self._circles = circles
        self._moderation = moderation

    async def CreateCircle(self, request: pb.CreateCircleRequest, _context: Any) -> pb.CreateCircleResponse:
        """See the contract."""
        circle = await self._circles.create(
            PersonId(request.person_id),
            request.request_id,
            request.name,
            request.post_score_min,
            request.comment_score_min,
        )
        return pb.CreateCircleResponse(circle=circle_to_contract(circle))

    async def GetCircle(self, request: pb.GetCircleRequest, _context: Any) -> pb.GetCircleResponse:
        """See the contract."""
        circle = await self._circles.circle(CircleId(request.circle_id))
        return pb.GetCircleResponse(circle=circle_to_contract(circle))

    async def ListCircles(self, request: pb.ListCirclesRequest, _context: Any) -> pb.ListCirclesResponse:
        """See the contract."""
        page = await self._circles.circles(request.page_size, request.page_token)
        return pb.ListCirclesResponse(
            circles=map(circle_to_contract, page.items), next_page_token=page.next_page_token
        )

    async def CreatePost(self, request: pb.CreatePostRequest, _context: Any) -> pb.CreatePostResponse:
        """See the contract."""
        post = await self._circles.post(
            PersonId(request.person_id), request.request_id, CircleId(request.circle_id), request.text
        )
        return pb.CreatePostResponse(post=post_to_contract(post))

    async def GetPost(self, request: pb.GetPostRequest, _context: Any) -> pb.GetPostResponse:
        """See the contract."""
        post = await self._circles.read(
            CircleId(request.circle_id), request.post_id, PersonId(request.person_id)
        )
        return pb.GetPostResponse(post=post_to_contract(post))

    async def ListPosts(self, request: pb.ListPostsRequest, _context: Any) -> pb.ListPostsResponse:
        """See the contract."""
        page = await self._circles.posts(
            CircleId(request.circle_id), PersonId(request.person_id), request.page_size, request.page_token
        )
        return pb.ListPostsResponse(
            posts=map(post_to_contract, page.items), next_page_token=page.next_page_token
        )

    async def CreateComment(
        self, request: pb.CreateCommentRequest, _context: Any
    ) -> pb.CreateCommentResponse:
        """See the contract."""
        comment = await self._circles.comment(
            PersonId(request.person_id),
            request.request_id,
            CircleId(request.circle_id),
            request.post_id,
            request.text,
        )
        return pb.CreateCommentResponse(comment=comment_to_contract(comment))

    async def ListComments(self, request: pb.ListCommentsRequest, _context: Any) -> pb.ListCommentsResponse:
        """See the contract."""
        page = await self._circles.comments(
            CircleId(request.circle_id),
            request.post_id,
            PersonId(request.person_id),
            request.page_size,
            request.page_token,
        )
        return pb.ListCommentsResponse(
            comments=map(comment_to_contract, page.items), next_page_token=page.next_page_token
        )

    async def RemovePost(self, request: pb.RemovePostRequest, _context: Any) -> pb.RemovePostResponse:
        """See the contract."""
        place = Place(CircleId(request.circle_id), request.post_id)
        post = await self._circles.remove(place, PersonId(request.person_id))
        return pb.RemovePostResponse(post=post_to_contract(post))

    async def RemoveComment(
        self, request: pb.RemoveCommentRequest, _context: Any
    ) -> pb.RemoveCommentResponse:
        """See the contract."""
        place = Place(CircleId(request.circle_id), request.post_id, request.comment_id)
        comment = await self._circles.remove(place, PersonId(request.person_id))
        return pb.RemoveCommentResponse(comment=comment_to_contract(comment))

    async def LikePost(self, request: pb.LikePostRequest, _context: Any) -> pb.LikePostResponse:
        """See the contract."""
        count = await self._circles.like(
            CircleId(request.circle_id), request.post_id, PersonId(request.person_id), likes=True
        )
        return pb.LikePostResponse(like_count=count)

    async def UnlikePost(self, request: pb.UnlikePostRequest, _context: Any) -> pb.UnlikePostResponse:
        """See the contract."""
        count = await self._circles.like(
            CircleId(request.circle_id), request.post_id, PersonId(request.person_id), likes=False
        )
        return pb.UnlikePostResponse(like_count=count)

    async def ReportContent(
        self, request: pb.ReportContentRequest, _context: Any
    ) -> pb.ReportContentResponse:
        """See the contract."""
        complaint = Complaint(
            place=Place(CircleId(request.circle_id), request.post_id, request.comment_id),
            person=PersonId(request.person_id),
            reason=ReportReason(request.reason),
            words=request.words,
            reported_ms=self._moderation.now_ms(),
        )
        reported_ms = await self._moderation.report(complaint)
        return pb.ReportContentResponse(reported_at=timestamp(reported_ms))

    async def ListNotices(self, request: pb.ListNoticesRequest, _context: Any) -> pb.ListNoticesResponse:
        """See the contract."""
        page = await self._moderation.notices(
            PersonId(request.person_id), request.page_size, request.page_token
        )
        return pb.ListNoticesResponse(
            notices=map(notice_to_contract, page.items), next_page_token=page.next_page_token
        )

    async def ListReports(self, request: pb.ListReportsRequest, _context: Any) -> pb.ListReportsResponse:
        """See the contract."""
        state = ReportState(request.state or pb.REPORT_STATE_OPEN)
        page = await self._moderation.reports(state, request.page_size, request.page_token)
        now_ms = self._moderation.now_ms()
        return pb.ListReportsResponse(
            reports=[report_to_contract(shown, now_ms) for shown in page.items],
            next_page_token=page.next_page_token,
        )

    async def TakeDown(self, request: pb.TakeDownRequest, _context: Any) -> pb.TakeDownResponse:
        """See the contract."""
        shown = await self._decide(request, ReportState.TAKEN_DOWN)
        return pb.TakeDownResponse(report=report_to_contract(shown, self._moderation.now_ms()))

    async def Dismiss(self, request: pb.DismissRequest, _context: Any) -> pb.DismissResponse:
        """See the contract."""
        shown = await self._decide(request, ReportState.DISMISSED)
        return pb.DismissResponse(report=report_to_contract(shown, self._moderation.now_ms()))

    async def _decide(
        self, request: pb.TakeDownRequest | pb.DismissRequest, state: ReportState
    ) -> ShownReport:
        decision = Decision(
            report_id=ReportId(request.report_id),
            state=state,
            words=request.words,
            operator=request.operator,
            decided_ms=self._moderation.now_ms(),
        )
        return await self._moderation.decide(decision)

"""What people do in circles: write, answer, like, report."""

from __future__ import annotations

import grpc

from hongbao.gateway.v1 import circle_pb2 as pb
from hongbao.gateway.v1 import circle_pb2_grpc
from services.cli.gala.apps.calling import called, new_request_id
from services.cli.gala.people import Player


class Circles:
    """Everybody's app, as far as circles go."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._circles = circle_pb2_grpc.CircleServiceStub(channel)

    async def create(self, player: Player, name: str, post_score_min: int, comment_score_min: int) -> int:
        """A circle with its rule; its id."""
        request = pb.CreateCircleRequest(
            request_id=new_request_id(),
            name=name,
            post_score_min=post_score_min,
            comment_score_min=comment_score_min,
        )
        return (await called(player, self._circles.CreateCircle, request)).circle.circle_id

    async def post(self, player: Player, circle_id: int, text: str) -> int:
        """Writes a post; its number."""
        request = pb.CreatePostRequest(request_id=new_request_id(), circle_id=circle_id, text=text)
        return (await called(player, self._circles.CreatePost, request)).post.post_id

    async def comment(self, player: Player, circle_id: int, post_id: int, text: str) -> None:
        """Writes a comment."""
        request = pb.CreateCommentRequest(
            request_id=new_request_id(), circle_id=circle_id, post_id=post_id, text=text
        )
        await called(player, self._circles.CreateComment, request)

    async def like(self, player: Player, circle_id: int, post_id: int) -> None:
        """Likes a post."""
        request = pb.LikePostRequest(circle_id=circle_id, post_id=post_id)
        await called(player, self._circles.LikePost, request)

    async def report(self, player: Player, circle_id: int, post_id: int, words: str) -> None:
        """Reports a post to the operators."""
        request = pb.ReportContentRequest(
            circle_id=circle_id, post_id=post_id, reason=pb.REPORT_REASON_SPAM, words=words
        )
        await called(player, self._circles.ReportContent, request)

    async def look(self, player: Player, circle_id: int, post_id: int) -> pb.Post:
        """A post, as the player sees it."""
        request = pb.GetPostRequest(circle_id=circle_id, post_id=post_id)
        return (await called(player, self._circles.GetPost, request)).post

    async def notices(self, player: Player) -> list[pb.Notice]:
        """What was taken down of the player's, and why."""
        return list((await called(player, self._circles.ListNotices, pb.ListNoticesRequest())).notices)

"""The very last act: somebody has everything erased, and is nobody here any more."""

from __future__ import annotations

import asyncio

from hongbao.gateway.v1 import circle_pb2 as gateway
from services.cli.gala.acts.circles import InCircles
from services.cli.gala.crowd import within
from services.cli.gala.people import Player
from services.cli.gala.people_report import LeavingFigures
from services.cli.gala.stage import Stage
from services.mesh.errors import ServiceError

ERASURE_TIMEOUT_S = 60.0
"""The longest until a post is gone whose author has left, seconds."""
_POLL_S = 0.2


async def leave(stage: Stage, leaving: Player, reader: Player, done: InCircles) -> LeavingFigures:
    """Erases what is kept of somebody; `reader` looks at what that person has written."""
    stage.progress.act = "somebody has everything erased"
    # Nobody keeps this app logged in any more.
    leaving.token = ""
    erasure = await stage.apps.leaving.erase(leaving)
    refusal = await stage.apps.leaving.login_refusal(leaving)
    return LeavingFigures(
        erased=int(bool(erasure.removed)),
        login_refused=int(refusal == "ACCOUNT_ERASED"),
        texts_gone=int(await _is_gone(stage, reader, done, leaving)),
    )


async def _is_gone(stage: Stage, reader: Player, done: InCircles, author: Player) -> bool:
    try:
        async with within(ERASURE_TIMEOUT_S, "a post of somebody who has left is still there"):
            while True:
                post = await stage.apps.circles.look(reader, done.circle_id, done.post_ids[author.number])
                if post.state == gateway.CONTENT_STATE_ERASED and not post.text:
                    return True
                await asyncio.sleep(_POLL_S)
    except ServiceError as late:
        if late.reason != "OVERDUE":
            raise
        return False

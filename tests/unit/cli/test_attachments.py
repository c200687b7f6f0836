from __future__ import annotations

import pytest

from hongbao.gateway.v1 import message_pb2 as pb
from services.cli.gala.attachments import TOLD_MAX, SentAlong, packet_fits

SHARES = {7: 30, 8: 12}


def status(
    state: pb.AttachmentState.ValueType, shares: dict[int, int], share_count: int
) -> pb.AttachmentStatus:
    claims = [pb.AttachmentClaim(person_id=person, amount_fen=amount) for person, amount in shares.items()]
    return pb.AttachmentStatus(
        state=state,
        claims=claims,
        shares_claimed=len(shares),
        share_count=share_count,
        claimed_fen=sum(shares.values()),
    )


def test_a_message_that_says_what_people_got_out_of_a_packet_fits() -> None:
    fits = packet_fits(SHARES)
    assert fits(status(pb.ATTACHMENT_STATE_SOLD_OUT, SHARES, 2))
    assert fits(status(pb.ATTACHMENT_STATE_OPEN, SHARES, 3))


@pytest.mark.parametrize(
    "said",
    [
        status(pb.ATTACHMENT_STATE_OPEN, SHARES, 2),
        status(pb.ATTACHMENT_STATE_SOLD_OUT, SHARES, 3),
        status(pb.ATTACHMENT_STATE_OPEN, {7: 30}, 3),
        status(pb.ATTACHMENT_STATE_SOLD_OUT, {7: 12, 8: 30}, 2),
        status(pb.ATTACHMENT_STATE_UNKNOWN, {}, 0),
    ],
)
def test_a_message_that_says_anything_else_does_not(said: pb.AttachmentStatus) -> None:
    assert not packet_fits(SHARES)(said)


def test_no_more_of_a_kind_are_told_than_may() -> None:
    sent_along = SentAlong()
    assert [sent_along.begin("card") for _ in range(TOLD_MAX + 2)] == [True] * TOLD_MAX + [False] * 2
    assert sent_along.begin("packet")

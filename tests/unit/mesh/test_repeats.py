from __future__ import annotations

import pytest

from hongbao.gateway.v1 import gateway_pb2 as gateway
from services.mesh.interceptors.repeats import PAYLOAD_BYTES_MAX, Repeats
from services.mesh.interceptors.validation import InvalidField


def payload(taps: int = 7, campaign_id: str = "spring-2016") -> bytes:
    return gateway.TapRequest(campaign_id=campaign_id, round_id="round-1", taps=taps).SerializeToString()


def repeats(kept_max: int = 3) -> Repeats:
    return Repeats(gateway.TapRequest.FromString, kept_max)


def test_the_same_bytes_are_the_same_message_and_others_are_not() -> None:
    kept = repeats()
    first = kept(payload())
    assert first == gateway.TapRequest(campaign_id="spring-2016", round_id="round-1", taps=7)
    assert kept(bytes(bytearray(payload()))) is first
    assert kept(payload(8)).taps == 8


def test_a_message_that_breaks_its_contract_is_refused_every_time() -> None:
    kept = repeats()
    for _ in range(3):
        with pytest.raises(InvalidField) as refused:
            kept(payload(taps=1_001))
        assert refused.value.metadata["field"] == "taps"


def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(InvalidField):
        repeats()(b"\xff\xff\xff")


def test_the_oldest_make_room() -> None:
    kept = repeats(kept_max=3)
    oldest, *others = [kept(payload(taps)) for taps in (1, 2, 3)]
    kept(payload(4))
    assert [kept(payload(taps)) is other for taps, other in zip((2, 3), others, strict=True)] == [True, True]
    assert kept(payload(1)) is not oldest


def test_long_requests_are_not_kept() -> None:
    kept = Repeats(gateway.RegisterRequest.FromString, 3)
    long = (
        gateway.RegisterRequest(
            request_id="3f2504e0-4f89-41d3-9a0c-0305e82c3301", phone="13912345678", display_name="福" * 32
        ).SerializeToString()
        + b"\xfa\x07\x7f"
        + b"x" * 127
    )
    assert len(long) > PAYLOAD_BYTES_MAX
    assert kept(long) is not kept(long)

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.interceptors.authorisation import CallNotAllowed
from services.mesh.interceptors.errors import (
    DETAILS_KEY,
    LANGUAGES_MAX,
    MESSAGE_CHARACTERS_MAX,
    METADATA_CHARACTERS_MAX,
    Reader,
    from_status,
    from_wire,
    to_status,
    to_wire,
)
from services.mesh.language import sentence


class StockClosed(ServiceError):
    domain = "hongbao.allocation"
    reason = "STOCK_CLOSED"
    localized = sentence("已经结束。", "It is over.")


def received(error: ServiceError, reader: Reader | None = None) -> ServiceError:
    wire = to_wire(error, reader)
    trailing = grpc.aio.Metadata(*wire.trailing_metadata)
    return from_wire(grpc.aio.AioRpcError(wire.code, grpc.aio.Metadata(), trailing, wire.message))


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_an_error_of_every_kind_arrives_as_it_was_raised(kind: ErrorKind) -> None:
    sent = StockClosed("the stock is closed", stock_id="s-1", packets_left=0)
    sent.kind = kind

    error = received(sent)

    assert (error.kind, error.domain, error.reason) == (kind, "hongbao.allocation", "STOCK_CLOSED")
    assert error.message == "the stock is closed"
    assert error.metadata == {"stock_id": "s-1", "packets_left": "0"}
    assert error.retry_delay_ms is None


@pytest.mark.parametrize("delay_ms", [0, 1, 250, 3_600_000])
def test_a_retry_delay_arrives(delay_ms: int) -> None:
    assert received(StockClosed("later", retry_delay_ms=delay_ms)).retry_delay_ms == delay_ms


@pytest.mark.parametrize("reader", [None, Reader("en", "https://help.example.com/{reason}")])
def test_an_error_carries_exactly_one_error_info(reader: Reader | None) -> None:
    status = to_status(StockClosed("later", retry_delay_ms=5), reader)

    assert [detail.TypeName() for detail in status.details].count("google.rpc.ErrorInfo") == 1


def test_a_service_is_told_every_language_and_passes_all_of_them_on() -> None:
    first_hop = received(StockClosed("closed"))

    assert received(first_hop).localized == {"zh-CN": "已经结束。", "en": "It is over."}


@pytest.mark.parametrize(
    ("accept_language", "told"),
    [
        ("", {"zh-CN": "已经结束。"}),
        ("zh-CN", {"zh-CN": "已经结束。"}),
        ("zh", {"zh-CN": "已经结束。"}),
        ("en-US", {"en": "It is over."}),
        ("fr", {"zh-CN": "已经结束。"}),
        ("?;?;q=,", {"zh-CN": "已经结束。"}),
    ],
)
def test_a_person_is_told_one_language(accept_language: str, told: dict[str, str]) -> None:
    passed_on = received(StockClosed("closed"))

    assert received(passed_on, Reader(accept_language, "")).localized == told


@pytest.mark.parametrize(
    ("kind", "beginning"),
    [
        (ErrorKind.UNAVAILABLE, "Too many people"),
        (ErrorKind.INTERNAL, "Something went wrong"),
        (ErrorKind.INVALID, "The app made a mistake"),
    ],
)
def test_a_person_is_told_something_of_errors_without_a_sentence(kind: ErrorKind, beginning: str) -> None:
    error = ServiceError("no")
    error.kind = kind

    assert received(error, Reader("en", "")).localized["en"].startswith(beginning)


def test_an_error_that_only_programs_meet_has_no_sentence_and_no_help() -> None:
    error = CallNotAllowed("no")

    passed_on = received(error, Reader("en", "https://help.example.com/{reason}"))

    assert (dict(passed_on.localized), passed_on.help_url) == ({}, "")


def test_a_sentence_in_a_language_that_nobody_asked_for_is_better_than_none() -> None:
    error = StockClosed("closed")
    error.localized = {"ug": "..."}

    assert received(error, Reader("en", "")).localized == {"ug": "..."}


def test_a_strangers_many_languages_and_long_sentences_are_cut() -> None:
    error = StockClosed("closed")
    error.localized = {f"x-{number}": "x" * 10_000 for number in range(100)}

    kept = from_status(to_status(error)).localized

    assert len(kept) == LANGUAGES_MAX
    assert {len(told) for told in kept.values()} == {METADATA_CHARACTERS_MAX}


def test_people_find_help_at_the_page_of_the_reason() -> None:
    status = to_status(StockClosed("closed"), Reader("", "https://help.example.com/{domain}/{reason}"))

    links = [link for detail in status.details for link in _links(detail)]
    assert links == [("https://help.example.com/hongbao.allocation/STOCK_CLOSED", "了解更多")]


def test_help_of_an_error_itself_survives_every_hop() -> None:
    error = StockClosed("closed")
    error.help_url = "https://help.example.com/mine"

    passed_on = received(received(error))

    person = Reader("en", "https://help.example.com/{reason}")
    assert received(passed_on, person).help_url == "https://help.example.com/mine"


def test_an_error_without_a_page_carries_no_help() -> None:
    assert received(StockClosed("closed"), Reader("en", "")).help_url == ""


def _links(detail: Any) -> list[tuple[str, str]]:
    found = error_details_pb2.Help()
    return [(link.url, link.description) for link in found.links] if detail.Unpack(found) else []


def test_a_batchs_answer_carries_the_same_error() -> None:
    error = from_status(to_status(StockClosed("closed", shard=3)))

    assert (error.reason, error.metadata) == ("STOCK_CLOSED", {"shard": "3"})


def test_a_long_message_is_cut_so_that_the_error_fits_into_metadata() -> None:
    assert len(received(StockClosed("x" * 10_000)).message) == MESSAGE_CHARACTERS_MAX


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, ErrorKind.UNAVAILABLE, "UNREACHABLE"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, ErrorKind.DEADLINE, "DEADLINE_PASSED"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorKind.EXHAUSTED, "OVERLOADED"),
        (grpc.StatusCode.CANCELLED, ErrorKind.UNAVAILABLE, "CANCELLED"),
        (grpc.StatusCode.UNIMPLEMENTED, ErrorKind.UNIMPLEMENTED, "METHOD_UNKNOWN"),
        (grpc.StatusCode.UNKNOWN, ErrorKind.INTERNAL, "INTERNAL"),
    ],
)
def test_what_grpc_itself_raises_gets_a_reason_of_the_mesh(
    code: grpc.StatusCode, kind: ErrorKind, reason: str
) -> None:
    error = from_wire(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "gone"))

    assert (error.kind, error.domain, error.reason, error.message) == (kind, "hongbao.mesh", reason, "gone")


def test_malformed_details_do_not_hide_the_error() -> None:
    trailing = grpc.aio.Metadata((DETAILS_KEY, b"\xff\xff\xff"))

    error = from_wire(grpc.aio.AioRpcError(grpc.StatusCode.ABORTED, grpc.aio.Metadata(), trailing, "no"))

    assert (error.kind, error.message) == (ErrorKind.ABORTED, "no")


def test_a_number_that_is_no_code_is_an_internal_error() -> None:
    assert from_status(status_pb2.Status(code=99)).kind is ErrorKind.INTERNAL

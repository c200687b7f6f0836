from __future__ import annotations

import grpc
import pytest
from google.rpc import status_pb2

from hongbao.mesh.v1 import errors_pb2
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.feed.port import CursorAhead
from services.mesh.interceptors.authorisation import CallNotAllowed
from services.mesh.interceptors.chain import CallCancelled, Internal
from services.mesh.interceptors.deadline import DeadlinePassed, DeadlineTooShort
from services.mesh.interceptors.errors import (
    DETAILS_KEY,
    MESSAGE_CHARACTERS_MAX,
    from_status,
    from_wire,
    to_status,
    to_wire,
)
from services.mesh.interceptors.validation import InvalidField
from services.mesh.journal.port import EpochFenced, JournalFull, JournalUnavailable
from services.mesh.shards.directory import NoMember
from services.mesh.shards.errors import RecordTooLarge, ShardLost, ShardNotOwned, ShardOverloaded
from services.mesh.shards.map import NoOwner


class StockClosed(ServiceError):
    domain = "hongbao.allocation"
    reason = "STOCK_CLOSED"


def received(error: ServiceError) -> ServiceError:
    wire = to_wire(error)
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


def test_an_error_carries_exactly_one_error_info() -> None:
    status = to_status(StockClosed("later", retry_delay_ms=5))

    assert [detail.TypeName() for detail in status.details].count("google.rpc.ErrorInfo") == 1


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


@pytest.mark.parametrize(
    "error",
    [
        InvalidField,
        DeadlineTooShort,
        DeadlinePassed,
        CallNotAllowed,
        CallCancelled,
        Internal,
        EpochFenced,
        JournalUnavailable,
        JournalFull,
        CursorAhead,
        ShardNotOwned,
        ShardLost,
        ShardOverloaded,
        RecordTooLarge,
        NoOwner,
        NoMember,
    ],
)
def test_every_reason_that_the_mesh_answers_with_is_in_its_contract(error: type[ServiceError]) -> None:
    assert error.domain == "hongbao.mesh"
    assert f"ERROR_REASON_{error.reason}" in errors_pb2.ErrorReason.keys()  # noqa: SIM118 - an enum, not a dict

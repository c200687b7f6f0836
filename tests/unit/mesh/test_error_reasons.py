"""The reasons of the mesh: what a caller can be answered is in the contract, and nothing else is."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from hongbao.mesh.v1 import errors_pb2
from services import mesh
from services.mesh.errors import ServiceError

PREFIX = "ERROR_REASON_"
# Never answered to a call, and why.
INNER = {
    "ETCD_UNAVAILABLE": "handlers ask maps and directories that are watched beside them, not etcd",
    "ETCD_OUTCOME_UNKNOWN": "as above",
    "ETCD_COMPARE_FAILED": "as above",
    "ETCD_LEASE_GONE": "as above",
    "ETCD_SESSION_LOST": "as above",
    "ETCD_DENIED": "as above",
    "ETCD_REJECTED": "as above",
    "FEED_GAP": "raised by a feed's consumer to itself, which then reads again",
    "JOURNAL_BROKEN": "raised while a shard is taken, or by its writer, whose callers hear SHARD_LOST",
}
# Made from gRPC's own codes, without a class of their own.
OF_THE_TRANSPORT = {"UNREACHABLE", "METHOD_UNKNOWN"}


@pytest.fixture(scope="module")
def reasons() -> set[str]:
    """The reasons of all errors that the mesh's code has a class for."""
    for module in pkgutil.walk_packages(mesh.__path__, f"{mesh.__name__}."):
        importlib.import_module(module.name)
    errors = [error for error in _below(ServiceError) if error.__module__.startswith(f"{mesh.__name__}.")]
    assert {error.domain for error in errors} == {"hongbao.mesh"}
    return {error.reason for error in errors}


def test_every_reason_that_a_call_can_meet_is_in_the_contract(reasons: set[str]) -> None:
    listed = {name.removeprefix(PREFIX) for name in errors_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118 - an enum, not a dict

    assert (reasons - INNER.keys()) | OF_THE_TRANSPORT == listed


def test_reasons_that_are_said_to_stay_inside_exist_and_are_in_no_contract(reasons: set[str]) -> None:
    assert INNER.keys() <= reasons


def _below(error: type[ServiceError]) -> set[type[ServiceError]]:
    return {error}.union(*(_below(child) for child in error.__subclasses__()))

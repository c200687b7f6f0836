"""All contracts of the mesh, read from the generated code: their rpcs, messages and error reasons."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor

import hongbao

_PROTOS = Path(next(iter(hongbao.__path__))).parent


@dataclass(frozen=True, slots=True)
class Rpc:
    """One method of a contract service."""

    name: str
    """`hongbao.allocation.v1.ClaimService/ClaimBatch`"""
    request: type[Any]
    response: type[Any]
    client_streams: bool
    server_streams: bool


@cache
def rpcs() -> dict[str, Rpc]:
    """Every rpc of every hongbao contract, by name."""
    return {rpc.name: rpc for file in files() for rpc in _rpcs(file)}


@cache
def reasons() -> frozenset[tuple[str, str]]:
    """Every (domain, reason) that a contract names."""
    return frozenset(
        (file.package.removesuffix(".v1"), value.name.removeprefix("ERROR_REASON_"))
        for file in files()
        for enum in file.enum_types_by_name.values()
        if enum.name == "ErrorReason"
        for value in enum.values
        if value.number != 0
    )


@cache
def files() -> tuple[FileDescriptor, ...]:
    """The descriptors of all contract files."""
    names = [
        str(path.relative_to(_PROTOS).with_suffix("")).replace("/", ".")
        for path in sorted((_PROTOS / "hongbao").rglob("*_pb2.py"))
        # Generated code outlives a contract file that was renamed.
        if path.with_name(path.name.replace("_pb2.py", ".proto")).exists()
    ]
    return tuple(importlib.import_module(name).DESCRIPTOR for name in names)


def _rpcs(file: FileDescriptor) -> Iterator[Rpc]:
    for service in file.services_by_name.values():
        for method in service.methods:
            yield _rpc(service.full_name, method)


def _rpc(service: str, method: MethodDescriptor) -> Rpc:
    return Rpc(
        name=f"{service}/{method.name}",
        request=message_factory.GetMessageClass(method.input_type),
        response=message_factory.GetMessageClass(method.output_type),
        client_streams=method.client_streaming,
        server_streams=method.server_streaming,
    )

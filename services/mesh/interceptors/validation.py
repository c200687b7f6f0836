"""Constraints of the contracts, checked on every message that comes in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from protovalidate import ValidationError, Validator
from protovalidate._gen.buf.validate.validate_pb import FieldPath

from services.mesh.errors import ErrorKind, ServiceError

MessageT = TypeVar("MessageT", bound=Message)

# One for the process: it caches what it compiled for each message type.
_validator = Validator()


class InvalidField(ServiceError):
    """A field of the request breaks a rule of the contract."""

    kind = ErrorKind.INVALID
    reason = "INVALID_FIELD"


def validate(message: Message) -> None:
    """Raises `InvalidField`, naming the first bad field, when the message breaks its contract."""
    try:
        _validator.validate(message, fail_fast=True)
    except ValidationError as failure:
        raise _invalid(failure) from None


def checked(parse: Callable[[bytes], MessageT], payload: bytes) -> MessageT:
    """The message of a payload. Raises `InvalidField` when it is none, or breaks its contract."""
    try:
        message = parse(payload)
    except DecodeError:
        raise InvalidField("the request cannot be read", field="", rule="encoding") from None
    validate(message)
    return message


async def validated(messages: AsyncIterator[MessageT]) -> AsyncIterator[MessageT]:
    """Passes a request stream on, raising `InvalidField` at the first bad message."""
    check = _validator.validate
    async for message in messages:
        try:
            check(message, fail_fast=True)
        except ValidationError as failure:
            raise _invalid(failure) from None
        yield message


def _invalid(failure: ValidationError) -> InvalidField:
    violation = failure.violations[0].proto
    field = _path(violation.field) if violation.field is not None else ""
    return InvalidField(
        f"{field or 'the request'}: {violation.message or violation.rule_id}",
        field=field,
        rule=violation.rule_id,
    )


def _path(path: FieldPath) -> str:
    parts = []
    for element in path.elements:
        subscript = "" if element.subscript is None else f"[{element.subscript.value}]"
        parts.append(f"{element.field_name}{subscript}")
    return ".".join(parts)

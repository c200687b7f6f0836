"""Constraints of the contracts, checked on every message that comes in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from protovalidate import ValidationError, Validator, Violation
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


def broken_rules(message: Message) -> list[tuple[str, str]]:
    """All rules of its contract that a message breaks, each as a field (or "") and what is wrong with it."""
    return [_complaint(violation) for violation in _validator.collect_violations(message)]


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
    violation = failure.violations[0]
    field, wrong = _complaint(violation)
    return InvalidField(f"{field or 'the request'}: {wrong}", field=field, rule=violation.proto.rule_id)


def _complaint(violation: Violation) -> tuple[str, str]:
    broken = violation.proto
    return _path(broken.field) if broken.field is not None else "", broken.message or broken.rule_id


def _path(path: FieldPath) -> str:
    parts = []
    for element in path.elements:
        subscript = "" if element.subscript is None else f"[{element.subscript.value}]"
        parts.append(f"{element.field_name}{subscript}")
    return ".".join(parts)

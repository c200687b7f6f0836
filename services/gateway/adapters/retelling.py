"""Messages of the gateway's contract and of a service's that say the same, field by field."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import Message

MessageT = TypeVar("MessageT", bound=Message)


def asked(kind: type[MessageT], request: Message, **who: int) -> MessageT:
    """A service's request: what the app asked, by the names of fields, and who asks."""
    fields: dict[str, Any] = {field.name: value for field, value in request.ListFields()}
    return kind(**fields, **who)


def retold(kind: type[MessageT], answer: Message) -> MessageT:
    """The gateway's answer: the service's, whose fields have the same numbers."""
    return kind.FromString(answer.SerializeToString())

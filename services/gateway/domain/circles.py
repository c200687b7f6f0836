"""What the gateway asks about circles."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import Message


class Circles(Protocol):
    """Social, on behalf of a person: circles, and what is written there."""

    async def ask(self, method: str, person_id: int, request: Message) -> Message:
        """Calls what has the same name in `CircleService` of social, with the person as whoever acts."""
        ...

"""What the gateway needs of credit. Messages are those of its own contract, as in `ports`."""

from __future__ import annotations

from typing import Protocol

from services.gateway.domain.ports import Message
from services.mesh.language import Language


class Credit(Protocol):
    """Identity's credit, on behalf of a person."""

    async def get_score(self, person_id: int, language: Language) -> Message:
        """See `CreditService.GetScore`."""
        ...

    async def list_scores(self, person_id: int, request: Message, language: Language) -> Message:
        """See `CreditService.ListScores`."""
        ...

    async def grant_consent(self, person_id: int, request: Message) -> Message:
        """See `CreditService.GrantConsent`."""
        ...

    async def withdraw_consent(self, person_id: int, request: Message) -> Message:
        """See `CreditService.WithdrawConsent`."""
        ...

    async def list_consents(self, person_id: int, request: Message) -> Message:
        """See `CreditService.ListConsents`."""
        ...

    async def list_queries(self, person_id: int, request: Message) -> Message:
        """See `CreditService.ListQueries`."""
        ...

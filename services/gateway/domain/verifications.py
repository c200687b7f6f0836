"""What the gateway needs of identity to verify people step by step."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import Message


class Verifications(Protocol):
    """Identity's verification step by step. `language` is the caller's `accept-language`, or empty."""

    async def start(self, request: Message, language: str) -> Message:
        """See `VerificationService.StartVerification`."""
        ...

    async def put_name_and_number(self, request: Message, language: str) -> Message:
        """See `VerificationService.PutNameAndNumber`."""
        ...

    async def put_photo(self, request: Message, language: str) -> Message:
        """See `VerificationService.PutPhoto`."""
        ...

    async def put_bank_card(self, request: Message, language: str) -> Message:
        """See `VerificationService.PutBankCard`."""
        ...

    async def submit(self, request: Message, language: str) -> Message:
        """See `VerificationService.SubmitVerification`."""
        ...

    async def get(self, request: Message, language: str) -> Message:
        """See `VerificationService.GetVerification`."""
        ...

    async def list_of_account(self, request: Message, language: str) -> Message:
        """See `VerificationService.ListVerifications`."""
        ...

    async def list_accounts(self, request: Message, language: str) -> Message:
        """See `VerificationService.ListAccounts`."""
        ...

"""What has a data key of its own in identity: one `Record` for each, in the vault of `services.mesh.keys`.

```python
def unit(connection):  # a unit of work of the database
    key = vault.key(connection, case_record(number))  # found or made; `look` when there is only reading to do
    return key.seal("text", text)


vault.erase(connection, case_record(number))  # for good
```
A `RecordKey` is pure: what is big, such as a photo, is sealed with it beside the transaction that gave it.
"""

from __future__ import annotations

import enum

from services.identity.domain.people import AccountId, CardId, CaseNumber, PersonId
from services.mesh.keys.vault import Record, RecordKey, Vault

__all__ = [
    "Kind",
    "Record",
    "RecordKey",
    "Vault",
    "account_record",
    "application_record",
    "card_record",
    "case_record",
    "person_record",
    "photo_record",
]


class Kind(enum.IntEnum):
    """Kinds of records, as they are kept. Values stay."""

    ACCOUNT = 1
    PERSON = 2
    CARD = 3
    APPLICATION = 4
    PHOTO = 5
    CASE = 6


def account_record(account_id: AccountId) -> Record:
    """An account: phone, display name."""
    return Record(Kind.ACCOUNT, account_id)


def person_record(person_id: PersonId) -> Record:
    """A verified person: name, resident ID."""
    return Record(Kind.PERSON, person_id)


def card_record(card_id: CardId) -> Record:
    """A bank card: number, phone."""
    return Record(Kind.CARD, card_id)


def application_record(application_id: int) -> Record:
    """An application for verification: what was typed."""
    return Record(Kind.APPLICATION, application_id)


def photo_record(photo_id: int) -> Record:
    """A photo."""
    return Record(Kind.PHOTO, photo_id)


def case_record(case_number: CaseNumber) -> Record:
    """A case: what was written in it."""
    return Record.named(Kind.CASE, case_number)

"""Identity's keys: where its master keys come from, their tables, and what is derived from their root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import bindparam

from services.identity.adapters.tables import accounts, data_keys_of_identity
from services.identity.settings import IdentitySettings
from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.mesh.keys.masters import NONCE_BYTES, KeysUnusable, MasterKey, MasterKeys
from services.mesh.keys.purposes import PurposeKeys
from services.mesh.keys.rotation import open_vault
from services.mesh.keys.vault import Vault

SERVICE: Final = "identity"


class KeyRing(PurposeKeys):
    """The keys derived from a root secret of identity."""

    def __init__(self, root: bytes) -> None:
        super().__init__(root, SERVICE)


def read_master_keys(settings: IdentitySettings) -> MasterKeys:
    """The master keys that settings name. Raises `KeysUnusable`. Blocks for as long as a file takes."""
    if settings.identity_key is not None:
        others = [key.get_secret_value() for key in settings.identity_other_keys]
        return MasterKeys.from_hex([settings.identity_key.get_secret_value(), *others])
    if settings.key_file is None:
        raise KeysUnusable("neither a key nor a key file is set")
    return MasterKeys.from_file(settings.key_file)


def open_identity_vault(
    database: Database, settings: IdentitySettings, now_ms: int
) -> tuple[Vault, PurposeKeys]:
    """The vault, and the keys of other purposes. Raises `KeysUnusable`. Blocks; for the start only."""
    return open_vault(
        database, data_keys_of_identity, lambda: read_master_keys(settings), now_ms, earlier_root
    )


def earlier_root(connection: sa.Connection, keys: Sequence[MasterKey]) -> MasterKey | None:
    """In a database from before there were data keys, the master key that everything was derived from.

    Raises `KeysUnusable` when it was not given: nothing there would open.
    """
    row = _ANY_ACCOUNT.first(connection, {"none": 0})
    if row is None:
        return None
    for key in keys:
        if _opens(key, row.phone_sealed, f"phone/{row.account_id}"):
            return key
    raise KeysUnusable("none of the master keys given is the one that the database was made with")


def _opens(key: MasterKey, sealed: bytes, place: str) -> bool:
    cipher = AESGCM(KeyRing(key.raw).derive("sealing"))
    try:
        cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
    except InvalidTag:
        return False
    return True


_ANY_ACCOUNT = Statement(
    sa.select(accounts.c.account_id, accounts.c.phone_sealed)
    .where(accounts.c.account_id > bindparam("none"))
    .limit(1)
)

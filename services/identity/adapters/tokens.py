"""Access tokens: JWTs signed with Ed25519."""

from __future__ import annotations

import hashlib

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.identity.domain.people import AccountId, Bearer, SessionId
from services.identity.domain.ports import VerifyingKey
from services.mesh.keys.purposes import PurposeKeys

ISSUER = "hongbao.identity"
AUDIENCE = "hongbao"


class Ed25519Signer:
    """Signs with the key of one generation, and publishes it with the one after it and those before it.

    Keys are derived: every replica signs alike, and a rotation is a number in the settings. Because the next
    key is published all the time, everybody knows it before it signs, also while replicas with the old and
    with the new number run side by side.
    """

    def __init__(self, keys: PurposeKeys, *, generation: int, generations_kept: int) -> None:
        oldest = max(1, generation - generations_kept + 1)
        self._current = _SigningKey(keys, generation)
        others = [generation + 1, *range(generation - 1, oldest - 1, -1)]
        pairs = [self._current, *(_SigningKey(keys, number) for number in others)]
        self.verifying_keys = tuple(VerifyingKey(pair.key_id, pair.raw_public) for pair in pairs)

    def sign(
        self, account_id: AccountId, bearer: Bearer, session_id: SessionId, issued_s: int, expires_s: int
    ) -> str:
        """See `TokenSigner.sign`."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            # Strings, because many JSON readers lose digits of numbers above 2^53.
            "sub": str(account_id),
            "pid": str(bearer.person_id),
            "sid": str(session_id),
            "tier": int(bearer.tier),
            "iat": issued_s,
            "exp": expires_s,
        }
        return jwt.encode(
            claims, self._current.private, algorithm="EdDSA", headers={"kid": self._current.key_id}
        )


class _SigningKey:
    def __init__(self, keys: PurposeKeys, generation: int) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(keys.derive(f"token-signing/{generation}"))
        self.raw_public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(self.raw_public).hexdigest()[:16]

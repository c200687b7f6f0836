"""Access tokens: JWTs signed with Ed25519."""

from __future__ import annotations

import hashlib

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.identity.domain.people import AccountId, Bearer
from services.identity.domain.ports import VerifyingKey
from services.mesh.keys.purposes import PurposeKeys

ISSUER = "hongbao.identity"
AUDIENCE = "hongbao"


class Ed25519Signer:
    """Signs with the key of one generation and publishes it with those before it.

    Keys come from the master key: every replica signs alike, and a rotation is a number in the settings.
    """

    def __init__(self, keys: PurposeKeys, *, generation: int, generations_kept: int, ttl_s: int) -> None:
        oldest = max(1, generation - generations_kept + 1)
        pairs = [_SigningKey(keys, number) for number in range(generation, oldest - 1, -1)]
        self._current = pairs[0]
        self._ttl_s = ttl_s
        self.verifying_keys = tuple(VerifyingKey(pair.key_id, pair.raw_public) for pair in pairs)

    def sign(self, account_id: AccountId, bearer: Bearer, now_ms: int) -> tuple[str, int]:
        """A token of the account for its person, and when it ends, seconds since the Unix epoch."""
        issued_s = now_ms // 1000
        expires_s = issued_s + self._ttl_s
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            # Strings, because many JSON readers lose digits of numbers above 2^53.
            "sub": str(account_id),
            "pid": str(bearer.person_id),
            "tier": int(bearer.tier),
            "iat": issued_s,
            "exp": expires_s,
        }
        token = jwt.encode(
            claims, self._current.private, algorithm="EdDSA", headers={"kid": self._current.key_id}
        )
        return token, expires_s


class _SigningKey:
    def __init__(self, keys: PurposeKeys, generation: int) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(keys.derive(f"token-signing/{generation}"))
        self.raw_public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(self.raw_public).hexdigest()[:16]

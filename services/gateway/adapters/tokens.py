"""Access tokens: who calls, from the metadata of a call. Each token's signature is checked once."""

from __future__ import annotations

from typing import Any, NoReturn

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.gateway.adapters.keys import KeyBook
from services.gateway.domain.errors import (
    TokenExpired,
    TokenKeyUnknown,
    TokenMalformed,
    TokenMissing,
    TokenRevoked,
    TokenSignatureWrong,
)
from services.gateway.domain.figures import Figures
from services.gateway.domain.ports import Caller
from services.gateway.domain.revocations import RevokedSessions
from services.gateway.settings import GatewaySettings
from services.mesh.clock import Clock
from services.mesh.shards.hashing import shard_of

SCHEME = "Bearer "
TOKEN_CHARACTERS_MAX = 4_096
"""Longer ones are refused unread."""
ISSUER = "hongbao.identity"
AUDIENCE = "hongbao"
_ID_LIMIT = 1 << 63


class TokenVerifier:
    """Turns tokens into callers, and remembers a bounded number of them; the oldest make room."""

    def __init__(
        self,
        keys: KeyBook,
        settings: GatewaySettings,
        clock: Clock,
        figures: Figures,
        revoked: RevokedSessions,
    ) -> None:
        self._keys = keys
        self._revoked = revoked
        self._now_ms = clock.now_ms
        self._figures = figures
        self._tokens_max = settings.gateway_tokens_max
        self._shard_count = settings.allocation_shards
        self._callers: dict[str, Caller] = {}
        # A key may be withdrawn because it was stolen: nothing that was believed on its word is kept. This is
        # rare, and the tokens of other keys are only checked once more.
        keys.on_withdrawal(self._callers.clear)

    def known(self, header: str) -> Caller | None:
        """The caller of an `authorization` header seen before; None when it has to be verified (again)."""
        caller = self._callers.get(header)
        if caller is None or caller.session_id in self._revoked.ends_ms:
            return None
        expires_at_ms = caller.expires_at_ms
        return caller if self._now_ms() < expires_at_ms > self._revoked.expired_ms else None

    async def verify(self, header: str) -> Caller:
        """Checks a header (empty: there was none). Raises the errors named `Token...`."""
        token = _token(header)
        key_id = _key_id(token)
        key = await self._keys.find(key_id)
        if key is None:
            raise TokenKeyUnknown("identity publishes no such key", key_id=key_id)
        self._figures.tokens_verified += 1
        caller = self._caller(_claims(token, key, key_id))
        if caller.session_id in self._revoked.ends_ms:
            self._callers.pop(header, None)
            raise TokenRevoked("the session of the token was ended", session_id=caller.session_id)
        if max(self._now_ms(), self._revoked.expired_ms) >= caller.expires_at_ms:
            self._callers.pop(header, None)
            raise TokenExpired("the token has expired", expired_at_ms=caller.expires_at_ms)
        if len(self._callers) >= self._tokens_max:
            del self._callers[next(iter(self._callers))]
        self._callers[header] = caller
        return caller

    def _caller(self, claims: dict[str, Any]) -> Caller:
        try:
            person_id, account_id = int(claims["pid"]), int(claims["sub"])
            expires_at_ms = int(claims["exp"]) * 1000
            session_id = int(claims.get("sid", 0))
        except (KeyError, OverflowError, TypeError, ValueError):
            _refuse("claims")
        ids_are_real = 0 < person_id < _ID_LIMIT and 0 < account_id < _ID_LIMIT
        if not (ids_are_real and 0 <= session_id < _ID_LIMIT):
            _refuse("claims")
        shard = shard_of(person_id, self._shard_count)
        return Caller(person_id, account_id, shard, expires_at_ms, session_id)


def _token(header: str) -> str:
    if not header:
        raise TokenMissing("send an access token as `authorization: Bearer <token>`")
    if not header.startswith(SCHEME):
        _refuse("scheme")
    if len(header) > TOKEN_CHARACTERS_MAX:
        _refuse("length")
    return header.removeprefix(SCHEME)


def _key_id(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        _refuse("form")
    if header.get("alg") != "EdDSA":
        _refuse("algorithm")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        _refuse("form")
    return key_id[:64]


def _claims(token: str, key: Ed25519PublicKey, key_id: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            issuer=ISSUER,
            audience=AUDIENCE,
            # Times are judged by the clock given, not by the machine's.
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.InvalidSignatureError:
        raise TokenSignatureWrong("the signature is wrong", key_id=key_id) from None
    except jwt.DecodeError:
        _refuse("form")
    except jwt.InvalidTokenError:
        _refuse("claims")
    return claims


def _refuse(defect: str) -> NoReturn:
    raise TokenMalformed("this is not an access token of identity's", defect=defect) from None

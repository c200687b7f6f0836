from __future__ import annotations

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.identity.adapters.keys import KeyRing
from services.identity.adapters.tokens import Ed25519Signer
from services.identity.domain import secret
from services.identity.domain.people import AccountId, Bearer, PersonId, Tier, case_number

KEYS = KeyRing(bytes(range(32)))
BEARER = Bearer(PersonId(2**62 + 1), Tier.I)
NOW_MS = 1_454_846_400_000


def test_a_secret_matches_only_itself() -> None:
    text = secret.derive(b"key", "request")
    stored = secret.store(text, b"salt")
    assert len(text) == 43
    assert secret.matches(text, stored)
    assert not secret.matches(text[:-1], stored)
    assert secret.derive(b"key", "other") != text
    assert secret.derive(b"other", "request") != text
    assert text.encode() not in stored.digest


def test_a_token_says_who_calls_and_any_published_key_checks_it() -> None:
    old = Ed25519Signer(KEYS, generation=1, generations_kept=2, ttl_s=60)
    new = Ed25519Signer(KEYS, generation=2, generations_kept=2, ttl_s=60)
    published = {key.key_id: key.raw for key in new.verifying_keys}
    assert len(published) == 2
    for signer in (old, new):
        token, expires_s = signer.sign(AccountId(2**62), BEARER, NOW_MS)
        key = Ed25519PublicKey.from_public_bytes(published[jwt.get_unverified_header(token)["kid"]])
        claims = jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            audience="hongbao",
            options={"verify_exp": False, "verify_iat": False},
        )
        assert claims["sub"] == str(2**62)
        assert claims["pid"] == str(2**62 + 1)
        assert claims["tier"] == 1
        assert claims["exp"] == expires_s == NOW_MS // 1000 + 60


def test_a_token_of_a_provisional_person_says_that_nothing_is_proven() -> None:
    signer = Ed25519Signer(KEYS, generation=1, generations_kept=1, ttl_s=60)
    token, _ = signer.sign(AccountId(7), Bearer(PersonId(9), Tier.NONE), NOW_MS)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["pid"], claims["tier"]) == ("7", "9", 0)


def test_keys_of_earlier_generations_are_forgotten_in_time() -> None:
    kept = Ed25519Signer(KEYS, generation=5, generations_kept=2, ttl_s=60).verifying_keys
    assert kept[1] == Ed25519Signer(KEYS, generation=4, generations_kept=1, ttl_s=60).verifying_keys[0]
    assert len(kept) == 2


def test_a_case_number_has_the_day_in_beijing() -> None:
    # 23:59:59 UTC is the next morning there.
    assert case_number(1_454_889_599_000, 0) == "K160208-00000000"
    assert case_number(NOW_MS, 2**40 - 1) == "K160207-ZZZZZZZZ"

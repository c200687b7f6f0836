from __future__ import annotations

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.identity.adapters.tokens import Ed25519Signer
from services.identity.domain import secret
from services.identity.domain.people import AccountId, Bearer, PersonId, SessionId, Tier, case_number
from services.mesh.keys.purposes import PurposeKeys

KEYS = PurposeKeys(bytes(range(32)), "identity")
BEARER = Bearer(PersonId(2**62 + 1), Tier.I)
NOW_S = 1_454_846_400


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
    old = Ed25519Signer(KEYS, generation=1, generations_kept=2)
    new = Ed25519Signer(KEYS, generation=2, generations_kept=2)
    published = {key.key_id: key.raw for key in new.verifying_keys}
    for signer in (old, new):
        token = signer.sign(AccountId(2**62), BEARER, SessionId(2**61), NOW_S, NOW_S + 60)
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
        assert claims["sid"] == str(2**61)
        assert claims["tier"] == 1
        assert claims["exp"] == NOW_S + 60


def test_a_token_of_a_provisional_person_says_that_nothing_is_proven() -> None:
    signer = Ed25519Signer(KEYS, generation=1, generations_kept=1)
    token = signer.sign(AccountId(7), Bearer(PersonId(9), Tier.NONE), SessionId(3), NOW_S, NOW_S + 60)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["pid"], claims["tier"]) == ("7", "9", 0)


def test_the_key_that_signs_next_is_published_before_it_signs_and_the_one_before_after_it() -> None:
    ids = [
        [key.key_id for key in Ed25519Signer(KEYS, generation=number, generations_kept=2).verifying_keys]
        for number in (1, 2, 3)
    ]
    assert [len(published) for published in ids] == [2, 3, 3]
    signing = [published[0] for published in ids]
    # While some replicas have the old number and some the new one, each knows the keys that all sign with.
    for earlier, later in ((0, 1), (1, 2)):
        assert {signing[earlier], signing[later]} <= set(ids[earlier]) & set(ids[later])
    assert signing[0] not in ids[2]


def test_a_case_number_has_the_day_in_beijing() -> None:
    # 23:59:59 UTC is the next morning there.
    assert case_number(1_454_889_599_000, 0) == "K160208-00000000"
    assert case_number(1000 * NOW_S, 2**40 - 1) == "K160207-ZZZZZZZZ"

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hongbao.allocation.v1 import allocation_pb2
from services.mesh.errors import ErrorKind, ServiceError
from tests.integration.gateway_mesh import KEY_ID, GatewayMesh, people_of

PERSON, OTHER = people_of(0, 2)


@pytest.fixture
async def mesh() -> AsyncIterator[GatewayMesh]:
    async with GatewayMesh() as mesh:
        # Taps are answered on the spot, so that only the token decides.
        mesh.owners[0].say(allocation_pb2.STOCK_PHASE_OPEN, tokens=0)
        await mesh.settle()
        yield mesh


async def test_a_call_without_a_token_is_refused(mesh: GatewayMesh) -> None:
    assert await _reason(mesh, None) == ("TOKEN_MISSING", {})


@pytest.mark.parametrize(
    ("make", "defect"),
    [
        (lambda mesh: mesh.token(PERSON), "scheme"),
        (lambda mesh: f"Basic {mesh.token(PERSON)}", "scheme"),
        (lambda _: "Bearer ", "form"),
        (lambda _: "Bearer not.a.token", "form"),
        (lambda mesh: f"Bearer {mesh.token(PERSON).rpartition('.')[0]}", "form"),
        (lambda _: "Bearer " + "a" * 5_000, "length"),
        (lambda mesh: f"Bearer {_unsigned(mesh.token(PERSON))}", "algorithm"),
        (lambda _: f"Bearer {jwt.encode({'pid': '1'}, 'k' * 32, 'HS256')}", "algorithm"),
        (lambda mesh: f"Bearer {mesh.token(PERSON, key_id='')}", "form"),
        (lambda mesh: f"Bearer {mesh.token(PERSON, iss='somebody')}", "claims"),
        (lambda mesh: f"Bearer {mesh.token(PERSON, aud='elsewhere')}", "claims"),
        (lambda mesh: f"Bearer {mesh.token(PERSON, pid=None)}", "claims"),
        (lambda mesh: f"Bearer {mesh.token(PERSON, exp=None)}", "claims"),
        (lambda mesh: f"Bearer {mesh.token(PERSON, exp=float('inf'))}", "claims"),
        (lambda mesh: f"Bearer {mesh.token(PERSON, pid='0')}", "claims"),
        (lambda mesh: f"Bearer {mesh.token(PERSON, pid='nobody')}", "claims"),
        (lambda mesh: f"Bearer {mesh.token(PERSON, pid=str(2**63))}", "claims"),
    ],
)
async def test_what_is_not_a_token_of_identitys_is_malformed(
    mesh: GatewayMesh, make: Callable[[GatewayMesh], str], defect: str
) -> None:
    assert await _reason(mesh, make(mesh)) == ("TOKEN_MALFORMED", {"defect": defect})


@pytest.mark.parametrize(
    "forge",
    [
        lambda mesh: mesh.token(PERSON, key=Ed25519PrivateKey.generate()),
        lambda mesh: _with_claims_of(mesh.token(PERSON), mesh.token(OTHER)),
    ],
)
async def test_a_signature_that_does_not_fit_is_refused(
    mesh: GatewayMesh, forge: Callable[[GatewayMesh], str]
) -> None:
    token = forge(mesh)
    assert await _reason(mesh, f"Bearer {token}") == ("TOKEN_SIGNATURE_WRONG", {"key_id": KEY_ID})


async def test_a_token_is_good_until_it_expires_though_it_was_seen_before(mesh: GatewayMesh) -> None:
    header = f"Bearer {mesh.token(PERSON, exp=mesh.clock.now_ms() // 1000 + 60)}"
    await mesh.clock.advance(59.999)
    await mesh.tap_with(header)
    await mesh.clock.advance(0.001)
    expired_at_ms = str(mesh.clock.now_ms())
    assert await _reason(mesh, header) == ("TOKEN_EXPIRED", {"expired_at_ms": expired_at_ms})


async def test_a_signature_is_checked_once_for_each_token(mesh: GatewayMesh) -> None:
    header = f"Bearer {mesh.token(PERSON)}"
    for _ in range(3):
        await mesh.tap_with(header)
    assert (await mesh.figures()).tokens_verified == 1


async def test_the_oldest_of_too_many_tokens_is_checked_again() -> None:
    async with GatewayMesh(gateway_tokens_max=1) as mesh:
        mesh.owners[0].say(allocation_pb2.STOCK_PHASE_OPEN, tokens=0)
        await mesh.settle()
        for person in (PERSON, OTHER, PERSON):
            await mesh.tap(person)
        assert (await mesh.figures()).tokens_verified == 3


async def test_a_new_key_is_found_when_its_first_token_comes(mesh: GatewayMesh) -> None:
    await mesh.clock.advance(2.0)
    new = mesh.identity.keys["fedcba9876543210"] = Ed25519PrivateKey.generate()
    await mesh.tap_with(f"Bearer {mesh.token(PERSON, key=new, key_id='fedcba9876543210')}")
    assert mesh.identity.asked == 2


async def test_unknown_keys_do_not_make_the_gateway_ask_identity_again_and_again(mesh: GatewayMesh) -> None:
    await mesh.clock.advance(2.0)
    for number in range(5):
        token = mesh.token(PERSON, key=Ed25519PrivateKey.generate(), key_id=f"unknown-{number}")
        reason = await _reason(mesh, f"Bearer {token}")
        assert reason == ("TOKEN_KEY_UNKNOWN", {"key_id": f"unknown-{number}"})
    assert mesh.identity.asked == 2, "once at the start, once for all of them"


async def test_keys_are_read_again_now_and_then_and_withdrawn_ones_are_not_accepted(
    mesh: GatewayMesh,
) -> None:
    token = mesh.token(PERSON)
    mesh.identity.keys = {"fedcba9876543210": Ed25519PrivateKey.generate()}
    await mesh.clock.advance(60.0)
    await mesh.settle()
    assert (await _reason(mesh, f"Bearer {token}"))[0] == "TOKEN_KEY_UNKNOWN"


async def test_a_token_seen_before_is_not_accepted_once_its_key_is_withdrawn(mesh: GatewayMesh) -> None:
    token = mesh.token(PERSON)
    await mesh.tap_with(f"Bearer {token}")
    mesh.identity.keys = {"fedcba9876543210": Ed25519PrivateKey.generate()}
    await mesh.clock.advance(60.0)
    await mesh.settle()
    assert (await _reason(mesh, f"Bearer {token}"))[0] == "TOKEN_KEY_UNKNOWN"


async def test_tokens_seen_before_are_not_checked_again_when_a_key_is_added(mesh: GatewayMesh) -> None:
    header = f"Bearer {mesh.token(PERSON)}"
    await mesh.tap_with(header)
    mesh.identity.keys["fedcba9876543210"] = Ed25519PrivateKey.generate()
    await mesh.clock.advance(60.0)
    await mesh.settle()
    await mesh.tap_with(header)
    assert (await mesh.figures()).tokens_verified == 1


async def _reason(mesh: GatewayMesh, header: str | None) -> tuple[str, dict[str, str]]:
    with pytest.raises(ServiceError) as refused:
        await mesh.tap_with(header)
    assert refused.value.kind is ErrorKind.UNAUTHENTICATED
    assert refused.value.domain == "hongbao.gateway"
    return refused.value.reason, dict(refused.value.metadata)


def _unsigned(token: str) -> str:
    """The same claims under `alg: none`, the oldest trick of all."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def _with_claims_of(signed: str, other: str) -> str:
    header, _, signature = signed.split(".")
    return ".".join([header, other.split(".")[1], signature])

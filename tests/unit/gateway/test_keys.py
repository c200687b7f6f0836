from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.gateway.adapters.keys import KeyBook
from services.gateway.settings import GatewaySettings
from services.mesh.clock import ManualClock
from services.mesh.shards.directory import NoMember

RAW = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class Identity:
    def __init__(self, *, is_there: bool) -> None:
        self.is_there = is_there
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def keys(self) -> Mapping[str, bytes]:
        self.asked += 1
        await self.gate.wait()
        if not self.is_there:
            raise NoMember("nobody", service="identity")
        return {"known": RAW}


async def test_the_start_waits_for_identity_with_growing_pauses() -> None:
    identity, clock = Identity(is_there=False), ManualClock()
    book = KeyBook(identity.keys, GatewaySettings(), clock)
    starting = asyncio.create_task(book.start())
    for _ in range(40):
        await clock.advance(0.25)
    assert not starting.done()
    assert 8 <= identity.asked <= 25, "10 seconds with pauses of up to one"
    identity.is_there = True
    await clock.advance(1.0)
    await starting
    assert await book.find("known") is not None
    await book.close()


async def test_keys_stay_good_while_identity_is_away() -> None:
    identity, clock = Identity(is_there=True), ManualClock()
    book = KeyBook(identity.keys, GatewaySettings(), clock)
    await book.start()
    identity.is_there = False
    await asyncio.sleep(0)  # The refreshing begins to wait.
    await clock.advance(61.0)
    assert identity.asked == 2
    assert await book.find("known") is not None
    await book.close()


async def test_many_who_ask_for_an_unknown_key_share_one_question() -> None:
    identity, clock = Identity(is_there=True), ManualClock()
    book = KeyBook(identity.keys, GatewaySettings(), clock)
    await book.start()
    await clock.advance(2.0)
    identity.gate.clear()
    asking = [asyncio.create_task(book.find("unknown")) for _ in range(10)]
    await asyncio.sleep(0)
    identity.gate.set()
    assert await asyncio.gather(*asking) == [None] * 10
    assert identity.asked == 2
    await book.close()


async def test_a_key_that_identity_could_not_be_asked_about_is_not_called_unknown() -> None:
    identity, clock = Identity(is_there=True), ManualClock()
    book = KeyBook(identity.keys, GatewaySettings(), clock)
    await book.start()
    await clock.advance(2.0)
    identity.is_there = False
    for _ in range(2):
        with pytest.raises(NoMember):
            await book.find("new")
    assert identity.asked == 2, "not again so soon"
    identity.is_there = True
    await clock.advance(2.0)
    assert await book.find("new") is None, "now identity has said so"
    await book.close()


async def test_a_token_that_comes_before_the_first_keys_waits_for_them() -> None:
    identity = Identity(is_there=True)
    identity.gate.clear()
    book = KeyBook(identity.keys, GatewaySettings(), ManualClock())
    starting = asyncio.create_task(book.start())
    finding = asyncio.create_task(book.find("known"))
    await asyncio.sleep(0)
    identity.gate.set()
    assert await finding is not None
    await starting
    assert identity.asked == 1
    await book.close()

"""Sessions and their revocations on real databases, by two replicas."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from hongbao.identity.v1 import session_pb2
from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.erasures import SqlErasureStore
from services.identity.adapters.holdings_of_accounts import session_holding
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.revocations import SqlRevocations
from services.identity.adapters.sessions import SqlSessionStore
from services.identity.adapters.tables import schema
from services.identity.adapters.tokens import Ed25519Signer
from services.identity.api.sessions import SessionApi
from services.identity.domain.people import AccountId, SessionId
from services.identity.domain.privacy.errors import AccountErased
from services.identity.domain.registration import Registered, Registration
from services.identity.domain.sessions.errors import (
    RefreshTokenInvalid,
    RefreshTokenReused,
    SessionRevoked,
    SessionUnknown,
)
from services.identity.domain.sessions.login import Login, Tokens
from services.identity.domain.sessions.session import SessionTerms, open_session
from services.identity.settings import IdentitySettings
from services.mesh.clock import ManualClock
from services.mesh.database.database import Database
from services.mesh.keys.purposes import PurposeKeys
from tests.integration.people_databases import Abort, database_url, identity_vault, opened

__all__ = ["database_url"]

KEYS = PurposeKeys(bytes(32), "identity")
TERMS = SessionTerms(access_s=900, refresh_s=10_000, session_s=50_000, grace_s=60, sessions_max=3)
_phones = itertools.count(13_800_138_000)


class Replica:
    """One process of the service."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.clock = clock
        self.revocations = SqlRevocations(database, clock)
        self.sessions = SqlSessionStore(database, self.revocations)
        vault, feed = identity_vault(database), SqlPersonFeed(database, clock)
        store = SqlAccountStore(database, vault, feed)
        held = (session_holding(self.sessions, self.revocations),)
        self.erasures = SqlErasureStore(database, vault, feed, held)
        registration = Registration(store, clock, secrets.randbits, bytes(32))
        signer = Ed25519Signer(KEYS, generation=1, generations_kept=1)
        draw = secrets.randbits
        self.login = Login(registration, store, self.sessions, signer, clock, draw, bytes(32), TERMS)
        self.api = SessionApi(self.login, self.revocations, (), clock, batch=2, poll_s=0.5)
        self._registration = registration

    async def account(self) -> Registered:
        return await self._registration.register(str(uuid.uuid4()), str(next(_phones)), "小明")

    async def signed_in(self) -> tuple[Registered, Tokens]:
        account = await self.account()
        return account, await self.login.issue(account.account_id, account.login_secret)

    async def refreshed(self, token: str, request_id: str) -> str:
        """The next refresh token, or the reason why there is none."""
        try:
            return (await self.login.refresh(token, request_id)).refresh
        except (RefreshTokenInvalid, RefreshTokenReused, SessionRevoked) as refusal:
            return refusal.reason

    async def revoked(self, after_seq: int = 0) -> list[int]:
        found = await self.revocations.read(after_seq, 100, self.clock.now_ms())
        return [entry.session_id for entry in found.entries]


@asynccontextmanager
async def replicas(url: str, count: int) -> AsyncIterator[Sequence[Replica]]:
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        settings = IdentitySettings(database_url=url, identity_key_file="unused")
        yield [
            Replica(await stack.enter_async_context(opened(settings, schema)), clock) for _ in range(count)
        ]


async def test_of_two_refreshes_at_once_one_wins_and_the_session_ends(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        _, tokens = await pair[0].signed_in()
        answers = await asyncio.gather(
            *(pair[turn % 2].refreshed(tokens.refresh, str(uuid.uuid4())) for turn in range(6))
        )
        served = [answer for answer in answers if len(answer) == 59]
        assert len(served) == 1
        assert answers.count("REFRESH_TOKEN_REUSED") == 1, "it is told once, then the session is gone"
        assert answers.count("SESSION_REVOKED") == 4
        assert await pair[1].refreshed(served[0], str(uuid.uuid4())) == "SESSION_REVOKED"
        assert await pair[1].revoked() == [tokens.session_id]


async def test_one_request_repeated_at_once_gets_one_successor(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        _, tokens = await pair[0].signed_in()
        request_id = str(uuid.uuid4())
        answers = await asyncio.gather(
            *(pair[turn % 2].refreshed(tokens.refresh, request_id) for turn in range(6))
        )
        assert len(set(answers)) == 1
        assert len(await pair[0].refreshed(answers[0], str(uuid.uuid4()))) == 59


@pytest.mark.parametrize("answer_is_lost", [False, True])
async def test_a_refresh_that_is_cut_off_can_be_repeated(database_url: str, *, answer_is_lost: bool) -> None:
    async with replicas(database_url, 1) as (replica,):
        _, tokens = await replica.signed_in()
        engine = replica.sessions._database._engine
        Abort(engine, before=set() if answer_is_lost else {1}, after={1} if answer_is_lost else set())
        # The database runs the unit again: as a repeat of the same request, which is what an app would do.
        request_id = str(uuid.uuid4())
        first = await replica.refreshed(tokens.refresh, request_id)
        assert len(first) == 59
        assert await replica.refreshed(tokens.refresh, request_id) == first
        assert len(await replica.refreshed(first, str(uuid.uuid4()))) == 59


async def test_a_login_that_an_erasure_overtakes_opens_no_session(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        account, _ = await pair[0].signed_in()
        now_ms = pair[0].clock.now_ms()
        # The account was looked at, and was there; then it was erased, at another replica.
        begun = open_session(SessionId(7), account.account_id, bytes(16), now_ms, TERMS)
        await pair[1].erasures.erase(account.account_id, now_ms, now_ms + 1, "")
        with pytest.raises(AccountErased):
            await pair[0].sessions.open(begun, TERMS.sessions_max)
        assert list(await pair[0].sessions.listed(account.account_id, None, 10, now_ms)) == []


async def test_a_token_of_another_salt_ends_no_session(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        _, tokens = await replica.signed_in()
        forged = tokens.refresh[:20] + ("A" if tokens.refresh[20] != "A" else "B") + tokens.refresh[21:]
        assert await replica.refreshed(forged, str(uuid.uuid4())) == "REFRESH_TOKEN_INVALID"
        assert len(await replica.refreshed(tokens.refresh, str(uuid.uuid4()))) == 59


async def test_sessions_are_revoked_by_their_account_only(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account, tokens = await replica.signed_in()
        with pytest.raises(SessionUnknown):
            await replica.login.revoke(AccountId(1), tokens.session_id)
        with pytest.raises(SessionUnknown):
            await replica.login.revoke(account.account_id, SessionId(1))
        for _ in range(2):
            await replica.login.revoke(account.account_id, tokens.session_id)
        assert await replica.revoked() == [tokens.session_id], "once"
        assert await replica.refreshed(tokens.refresh, str(uuid.uuid4())) == "SESSION_REVOKED"


async def test_all_sessions_end_but_the_one_that_is_kept(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account, kept = await replica.signed_in()
        others = [await replica.login.issue(account.account_id, account.login_secret) for _ in range(2)]
        assert await replica.login.revoke_all(account.account_id, kept.session_id) == 2
        assert await replica.login.revoke_all(account.account_id, kept.session_id) == 0
        listed, token = await replica.login.listed(account.account_id, 0, "")
        assert ([session.session_id for session in listed], token) == ([kept.session_id], "")
        assert sorted(await replica.revoked()) == sorted(other.session_id for other in others)


async def test_one_session_too_many_ends_the_one_refreshed_longest_ago(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        account, first = await replica.signed_in()
        await replica.clock.advance(1)
        issue = replica.login.issue
        second = await issue(account.account_id, account.login_secret)
        await replica.clock.advance(1)
        await issue(account.account_id, account.login_secret)
        await replica.login.refresh(first.refresh, str(uuid.uuid4()))
        await issue(account.account_id, account.login_secret)
        assert await replica.revoked() == [second.session_id]


async def test_sessions_and_revocations_are_forgotten_when_nobody_can_ask_any_more(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account, tokens = await replica.signed_in()
        await replica.login.revoke(account.account_id, tokens.session_id)
        await replica.clock.advance(900)
        # A gateway whose clock is slow believes the token still.
        assert await replica.revoked() == [tokens.session_id]
        await replica.clock.advance(59)
        assert await replica.revocations.forget(replica.clock.now_ms(), 10) == 0
        await replica.clock.advance(1)
        assert await replica.revoked() == []
        assert await replica.revocations.forget(replica.clock.now_ms(), 10) == 1
        assert await replica.revocations.last_seq() == 1, "numbers go on"
        assert await replica.sessions.purge(replica.clock.now_ms(), 10) == 0
        await replica.clock.advance(10_000)
        assert await replica.sessions.purge(replica.clock.now_ms(), 10) == 1
        assert await replica.refreshed(tokens.refresh, str(uuid.uuid4())) == "REFRESH_TOKEN_INVALID"


async def test_followers_hear_of_every_replicas_revocations_in_pages_and_go_on_where_they_were(
    database_url: str,
) -> None:
    async with replicas(database_url, 2) as pair:
        ended: list[int] = []
        for turn in range(5):
            account, tokens = await pair[turn % 2].signed_in()
            await pair[turn % 2].login.revoke(account.account_id, tokens.session_id)
            ended.append(tokens.session_id)
        heard, last_seq = await _heard(pair[0], after_seq=0)
        assert (heard, last_seq) == (ended, 5)
        # Somebody who knows two of them, and a revocation that another replica adds meanwhile.
        request = session_pb2.WatchRevocationsRequest(after_seq=2)
        stream = pair[0].api.WatchRevocations(request, None)
        first = [entry.session_id for _ in range(2) for entry in (await anext(stream)).revocations]
        assert first == ended[2:]
        account, tokens = await pair[1].signed_in()
        await pair[1].login.revoke(account.account_id, tokens.session_id)
        waiting = asyncio.ensure_future(anext(stream))
        for _ in range(200):
            await pair[0].clock.advance(0.1)
            await asyncio.sleep(0.005)
            if waiting.done():
                break
        assert [entry.session_id for entry in (await waiting).revocations] == [tokens.session_id]
        await stream.aclose()


async def test_a_follower_hears_every_second_that_identity_lives_however_rarely_it_looks(
    tmp_path: Path,
) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        api = SessionApi(replica.login, replica.revocations, (), replica.clock, batch=2, poll_s=5.0)
        stream = api.WatchRevocations(session_pb2.WatchRevocationsRequest(), None)
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        async with asyncio.timeout(20):
            while not replica.clock._sleepers:  # noqa: ASYNC110 - nobody tells that it waits for the clock
                await asyncio.sleep(0)
            await replica.clock.advance(1.0)
            assert (await waiting).complete
        await stream.aclose()


async def _heard(replica: Replica, after_seq: int) -> tuple[list[int], int]:
    heard: list[int] = []
    stream = replica.api.WatchRevocations(session_pb2.WatchRevocationsRequest(after_seq=after_seq), None)
    async for told in stream:
        heard += [entry.session_id for entry in told.revocations]
        assert len(told.revocations) <= 2
        if told.complete:
            await stream.aclose()
            return heard, told.last_seq
    raise AssertionError("a stream of revocations has no end")

"""Messages through the gateway: the same contract as social's, streams that go on, tokens that end them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from hongbao.gateway.v1 import message_pb2 as gateway_pb2
from hongbao.social.v1 import message_pb2 as social_pb2
from hongbao.social.v1 import message_pb2_grpc
from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.messages import MessageClient
from services.gateway.api.messages import MessageServicer
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.errors import (
    CallRateExceeded,
    InboxLimitReached,
    Overloaded,
    TokenExpired,
)
from services.gateway.domain.inboxes import Inboxes
from services.gateway.domain.pace import LanePace
from services.mesh.admission import Rate
from services.mesh.channel import ChannelFactory
from services.mesh.clock import ManualClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.local import LocalNetwork
from services.mesh.server import MeshServer, Service
from services.mesh.settings import MeshSettings
from services.mesh.shards.directory import Directory
from services.mesh.telemetry import Telemetry

PERSONS = {"person_id", "sender_person_id"}


def test_the_gateways_contract_is_socials_without_the_person_who_acts() -> None:
    for name, social in social_pb2.DESCRIPTOR.message_types_by_name.items():
        mine = gateway_pb2.DESCRIPTOR.message_types_by_name[name]
        fields = {(field.name, field.number, field.type, field.is_repeated) for field in mine.fields}
        others = {(field.name, field.number, field.type, field.is_repeated) for field in social.fields}
        assert fields <= others, name
        left_out = {field[0] for field in others - fields}
        assert left_out == (left_out & PERSONS), name
        assert bool(left_out) == name.endswith("Request"), name
    for name, kind in social_pb2.DESCRIPTOR.enum_types_by_name.items():
        known = gateway_pb2.DESCRIPTOR.enum_types_by_name[name].values_by_name
        assert {value.name: value.number for value in kind.values} == {
            value: known[value].number for value in known
        }


class Gone(ServiceError):
    """The process is about to end."""

    kind = ErrorKind.UNAVAILABLE
    reason = "CANCELLED"


class Refused(ServiceError):
    """Social itself says no."""

    kind = ErrorKind.EXHAUSTED
    domain = "hongbao.social"
    reason = "CHAT_OVERLOADED"


class Social(message_pb2_grpc.MessageServiceServicer):
    """Tells a timeline of seven, and goes after so many entries."""

    def __init__(self, entries: int, end: ServiceError | None) -> None:
        self.entries = entries
        self.end = end
        self.asked: list[tuple[int, int]] = []

    async def WatchInbox(self, request: Any, _context: Any) -> AsyncIterator[Any]:  # noqa: N802 - gRPC's name
        self.asked.append((request.person_id, request.after_inbox_seq))
        for number in range(request.after_inbox_seq + 1, request.after_inbox_seq + 1 + self.entries):
            yield social_pb2.WatchInboxResponse(
                entries=[social_pb2.InboxEntry(inbox_seq=number)], last_inbox_seq=7
            )
        if self.end is not None:
            raise self.end
        await asyncio.Event().wait()


class Mesh:
    """Two members of social, and the gateway's client of them."""

    def __init__(self, *members: Social) -> None:
        self.clock = ManualClock()
        self.members = members
        self.network = LocalNetwork(self.clock)
        self.settings = MeshSettings(instance="gateway-1")

    async def client(self) -> MessageClient:
        addresses = [await self._serve(number, member) for number, member in enumerate(self.members)]
        channels = ChannelFactory(self.settings, "gateway", network=self.network)
        directory = Directory(fixed={"social": addresses}, clock=self.clock)
        forwarding = Forwarding(self.settings, channels, directory, {}, self.clock)
        return MessageClient(forwarding, self.clock, backoff_ms_min=10, backoff_ms_max=20)

    async def _serve(self, number: int, member: Social) -> str:
        settings = MeshSettings(instance=f"social-{number}")
        service = Service(
            "hongbao.social.v1.MessageService",
            member,
            message_pb2_grpc.add_MessageServiceServicer_to_server,
        )
        server = MeshServer(
            settings,
            "social",
            [service],
            telemetry=Telemetry(settings, "social", ()),
            clock=self.clock,
            network=self.network,
        )
        return await server.start()

    async def read(self, stream: AsyncGenerator[Any], count: int) -> list[int]:
        """So many entries, with the clock moved for the pauses in between."""
        found = list[int]()

        async def take() -> None:
            async for answer in stream:
                found.extend(entry.inbox_seq for entry in answer.entries)
                if len(found) >= count:
                    return

        task = asyncio.ensure_future(take())
        for _ in range(200):
            if task.done():
                break
            await self.clock.advance(0.05)
        await task
        return found


async def test_a_stream_whose_server_goes_is_gone_on_with_at_another_one_where_it_was() -> None:
    social = Social(2, Gone("going")), Social(3, Gone("going"))  # type: ignore[abstract]  # nothing else is asked
    mesh = Mesh(*social)
    stream = (await mesh.client()).watch(41, gateway_pb2.WatchInboxRequest(after_inbox_seq=1))
    assert await mesh.read(stream, 6) == [2, 3, 4, 5, 6, 7]
    assert [member.asked for member in social] == [[(41, 1), (41, 6)], [(41, 3)]]
    await stream.aclose()


async def test_what_social_refuses_is_told_and_not_tried_again() -> None:
    social = Social(0, Refused("too much"))  # type: ignore[abstract]  # as above
    mesh = Mesh(social)
    stream = (await mesh.client()).watch(41, gateway_pb2.WatchInboxRequest())
    with pytest.raises(ServiceError, match="CHAT_OVERLOADED"):
        await mesh.read(stream, 1)
    assert len(social.asked) == 1


async def test_a_stream_that_nobody_goes_on_with_is_given_up() -> None:
    social = Social(0, Gone("going"))  # type: ignore[abstract]  # as above
    mesh = Mesh(social)
    stream = (await mesh.client()).watch(41, gateway_pb2.WatchInboxRequest())
    with pytest.raises(ServiceError, match="CANCELLED"):
        await mesh.read(stream, 1)
    assert len(social.asked) == 5


class OneToken:
    """A token that is good until it is not."""

    def __init__(self) -> None:
        self.is_good = True
        self.is_forgotten = False
        self.verified = 0

    def known(self, _header: str) -> Any:
        return Caller41 if self.is_good and not self.is_forgotten else None

    async def verify(self, _header: str) -> Any:
        self.verified += 1
        if not self.is_good:
            raise TokenExpired("over", expired_at_ms=0)
        self.is_forgotten = False
        return Caller41


class Caller41:
    """Person 41."""

    person_id = 41


class Timeline:
    """Messages that tell one entry for each call, and then nothing."""

    def __init__(self) -> None:
        self.cursors: list[int] = []
        self.open = 0

    async def watch(self, _person_id: int, request: Any) -> AsyncGenerator[Any]:
        self.cursors.append(request.after_inbox_seq)
        self.open += 1
        try:
            entry = gateway_pb2.InboxEntry(inbox_seq=request.after_inbox_seq + 1)
            yield gateway_pb2.WatchInboxResponse(entries=[entry])
            await asyncio.Event().wait()
        finally:
            self.open -= 1

    async def read_inbox(self, person_id: int, _request: Any) -> str:
        return f"read by {person_id}"


class Context:
    """A call with a token."""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", "Bearer x"),)


class Chat:
    """The lane of chat, for somebody with a good token."""

    def __init__(self, *, calls_at_once: int = 10, inboxes_max: int = 10) -> None:
        self.clock, self.tokens, self.timeline = ManualClock(), OneToken(), Timeline()
        messages: Any = self.timeline
        now_s = self.clock.monotonic_s
        self.limit = Bulkhead("chat", 10, 100, Rate(1, 10, 1_000, now_s))
        self.streams = Bulkhead("inboxes", 2, 100)
        self.pace = LanePace("chat", 1, calls_at_once, people_max=10, now_s=now_s)
        self.inboxes = Inboxes(self.streams, inboxes_max)
        self.servicer = MessageServicer(
            self.tokens, self.pace, messages, self.limit, self.inboxes, self.clock, look_ms=2_000
        )

    async def open(self) -> Any:
        """A stream that has told its first entry."""
        stream = self.servicer.WatchInbox(gateway_pb2.WatchInboxRequest(), Context())
        await anext(stream)
        return stream

    async def read(self) -> Any:
        return await self.servicer.ReadInbox(gateway_pb2.ReadInboxRequest(), Context())


async def test_who_calls_too_fast_is_refused_before_the_room_of_all_is_touched() -> None:
    chat = Chat(calls_at_once=3)
    stream = await chat.open()
    assert [await chat.read() for _ in range(2)] == ["read by 41"] * 2, "a stream counts for one call"
    for _ in range(20):
        with pytest.raises(CallRateExceeded) as refused:
            await chat.read()
        assert (refused.value.retry_delay_ms, refused.value.metadata["lane"]) == (1_000, "chat")
    with pytest.raises(CallRateExceeded):
        await chat.open()
    # Others may make all calls of this second but the two that were let through.
    for _ in range(8):
        chat.limit.enter()
    with pytest.raises(Overloaded):
        chat.limit.enter()
    assert (chat.pace.refused, chat.limit.refused, chat.timeline.open) == (21, 1, 1)
    await stream.aclose()


async def test_one_person_has_so_many_streams_open_and_a_closed_one_makes_room() -> None:
    chat = Chat(inboxes_max=1)
    stream = await chat.open()
    for _ in range(3):
        with pytest.raises(InboxLimitReached) as refused:
            await chat.open()
        assert (refused.value.retry_delay_ms, refused.value.metadata) == (5_000, {"inboxes_max": "1"})
    assert (chat.inboxes.refused, chat.streams.occupied, chat.streams.refused) == (3, 1, 0)
    with chat.inboxes.entered(42), pytest.raises(Overloaded), chat.inboxes.entered(43):
        pytest.fail("there is room for two")
    await stream.aclose()
    await (await chat.open()).aclose()
    assert chat.streams.occupied == 0


async def test_a_stream_ends_with_its_token_and_outlives_one_that_was_only_forgotten() -> None:
    chat = Chat()
    clock, tokens, timeline, streams = chat.clock, chat.tokens, chat.timeline, chat.streams
    servicer = chat.servicer
    stream = servicer.WatchInbox(gateway_pb2.WatchInboxRequest(), Context())
    assert (await anext(stream)).entries[0].inbox_seq == 1
    tokens.is_forgotten = True
    following = asyncio.ensure_future(anext(stream))
    await clock.advance(2)
    assert (await following).entries[0].inbox_seq == 2
    assert timeline.cursors == [0, 1]
    tokens.is_good = False
    following = asyncio.ensure_future(anext(stream))
    await clock.advance(2)
    with pytest.raises(TokenExpired):
        await following
    assert (timeline.open, streams.occupied) == (0, 0)

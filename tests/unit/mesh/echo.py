"""A contract that only tests have: one method of each arity, one constrained field."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from services.mesh.admission import Admission
from services.mesh.server import Service

SERVICE = "hongbao.echo.v1.EchoService"


def _describe() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="hongbao/echo/v1/echo.proto",
        package="hongbao.echo.v1",
        syntax="proto3",
        dependency=["buf/validate/validate.proto"],
    )
    for name in ("EchoRequest", "EchoResponse"):
        message = file.message_type.add(name=name)
        field = descriptor_pb2.FieldDescriptorProto
        text = message.field.add(name="text", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
        times = message.field.add(name="times", number=2, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
        if name == "EchoRequest":
            text.options.Extensions[validate_pb2.field].string.max_len = 40
            times.options.Extensions[validate_pb2.field].int32.gte = 0
    return descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


_file = _describe()
EchoRequest = message_factory.GetMessageClass(_file.message_types_by_name["EchoRequest"])
EchoResponse = message_factory.GetMessageClass(_file.message_types_by_name["EchoResponse"])


class Echo:
    """Answers with what it was asked; `on_say` takes the place of the unary method."""

    def __init__(self, on_say: Callable[[Any, Any], Any] | None = None) -> None:
        self.on_say = on_say

    async def say(self, request: Any, context: Any) -> Any:
        if self.on_say is not None:
            answer = await self.on_say(request, context)
            return EchoResponse(text=request.text) if answer is None else answer
        return EchoResponse(text=request.text)

    async def repeat(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if self.on_say is not None:
            await self.on_say(request, context)
        for number in range(request.times):
            yield EchoResponse(text=request.text, times=number)

    async def join(self, requests: AsyncIterator[Any], context: Any) -> Any:
        texts = [request.text async for request in requests]
        if self.on_say is not None:
            await self.on_say(texts, context)
        return EchoResponse(text=" ".join(texts), times=len(texts))

    async def chat(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            if self.on_say is not None:
                await self.on_say(request, context)
            yield EchoResponse(text=request.text)


def echo_service(servicer: Echo, admission: Admission | None = None) -> Service:
    """What a composition root would hand to the server."""
    return Service(SERVICE, servicer, _add_to_server, admission)


class EchoStub:
    """What protoc would generate."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        as_bytes, parse = EchoRequest.SerializeToString, EchoResponse.FromString
        self.say: Any = channel.unary_unary(f"/{SERVICE}/Say", as_bytes, parse)
        self.repeat: Any = channel.unary_stream(f"/{SERVICE}/Repeat", as_bytes, parse)
        self.join: Any = channel.stream_unary(f"/{SERVICE}/Join", as_bytes, parse)
        self.chat: Any = channel.stream_stream(f"/{SERVICE}/Chat", as_bytes, parse)


_grpc: Any = grpc  # grpc has no types


def _add_to_server(servicer: Echo, server: Any) -> None:
    codecs = {
        "request_deserializer": EchoRequest.FromString,
        "response_serializer": EchoResponse.SerializeToString,
    }
    handlers = {
        "Say": _grpc.unary_unary_rpc_method_handler(servicer.say, **codecs),
        "Repeat": _grpc.unary_stream_rpc_method_handler(servicer.repeat, **codecs),
        "Join": _grpc.stream_unary_rpc_method_handler(servicer.join, **codecs),
        "Chat": _grpc.stream_stream_rpc_method_handler(servicer.chat, **codecs),
    }
    server.add_generic_rpc_handlers((_grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)

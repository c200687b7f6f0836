"""The order of the interceptors, put around each handler once, when a server starts.

gRPC's own server interceptors resolve the handler anew through every link for every call. Here a handler is
wrapped in one function per arity, so a call pays for the checks and for nothing else.

From the outside in: metrics, tracing, errors, authorisation, admission, deadline, validation, handler.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from functools import partial
from time import perf_counter
from typing import Any, NoReturn

import grpc

from services.mesh.admission import Admission
from services.mesh.callgraph import allowed, is_person
from services.mesh.clock import Clock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.interceptors.arrival import metadata_of
from services.mesh.interceptors.authorisation import CALLER_KEY, IsAllowed, authorise
from services.mesh.interceptors.deadline import Deadlines
from services.mesh.interceptors.errors import Reader, to_wire
from services.mesh.interceptors.metrics import method_metrics
from services.mesh.interceptors.repeats import Repeats, is_often_the_same
from services.mesh.interceptors.resumption import resumed
from services.mesh.interceptors.tracing import TRACEPARENT_KEY, begin_server_span
from services.mesh.interceptors.validation import checked, validated
from services.mesh.language import PREFERENCES_CHARACTERS_MAX, accepted_languages
from services.mesh.logs import get_logger
from services.mesh.settings import MeshSettings
from services.mesh.telemetry import ActiveSpan, Telemetry

Handler = Any  # grpc.RpcMethodHandler, whose attributes are not declared.
Context = Any  # grpc.aio.ServicerContext, whose generic parameters nobody here needs.
_log = get_logger("mesh.server")


class CallCancelled(ServiceError):
    """The server gave the call up; it may be repeated."""

    kind = ErrorKind.UNAVAILABLE
    reason = "CANCELLED"


class Internal(ServiceError):
    """Something broke that the caller can do nothing about."""

    kind = ErrorKind.INTERNAL
    reason = "INTERNAL"


class Chain:
    """Wraps the handlers of one server."""

    def __init__(
        self,
        settings: MeshSettings,
        service: str,
        telemetry: Telemetry,
        clock: Clock,
        is_allowed: IsAllowed = allowed,
    ) -> None:
        self._service = service
        self._telemetry = telemetry
        self._deadlines = Deadlines(settings, clock)
        self._is_allowed = is_allowed
        self._help_url = settings.help_url
        self._repeats_max = settings.repeated_requests_max

    def wrap(self, method: str, handler: Handler, admission: Admission | None = None) -> Handler:
        """Puts the interceptors around a handler; `method` is `package.Service/Method`.

        Of its calls, and those of all methods with the same admission, only so many are taken on.
        """
        behaviour = (
            handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        )
        method_calls = _Method(
            self._service,
            method,
            self._telemetry,
            self._deadlines,
            self._is_allowed,
            self._help_url,
            admission,
        )
        parse = handler.request_deserializer
        prepare: Callable[[Any], Any] = validated
        if not handler.request_streaming:
            # The payload arrives as it is, and becomes a message behind the checks of who may call: what
            # cannot be read is then refused as everything else is.
            keeps = is_often_the_same(behaviour)
            prepare = Repeats(parse, self._repeats_max) if keeps else partial(checked, parse)
            parse = bytes
        make = _HANDLERS[handler.request_streaming, handler.response_streaming]
        return make(
            _wrapped(method_calls, behaviour, prepare, handler),
            request_deserializer=parse,
            response_serializer=handler.response_serializer,
        )


_HANDLERS: dict[tuple[bool, bool], Callable[..., Handler]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class _Method:
    """What is fixed about a method, so that a call need not look it up."""

    __slots__ = (
        "_admission",
        "_deadlines",
        "_help_url",
        "_is_allowed",
        "_metrics",
        "_name",
        "_telemetry",
    )

    def __init__(
        self,
        service: str,
        name: str,
        telemetry: Telemetry,
        deadlines: Deadlines,
        is_allowed: IsAllowed,
        help_url: str,
        admission: Admission | None,
    ) -> None:
        self._name = name
        self._telemetry = telemetry
        self._deadlines = deadlines
        self._is_allowed = is_allowed
        self._help_url = help_url
        self._admission = admission
        self._metrics = method_metrics(service, name)

    def begin(self, context: Context) -> _Call:
        """Counts the call in and begins its span; never raises."""
        self._metrics.in_flight += 1
        caller = header = ""
        for key, value in metadata_of(context):
            if key == TRACEPARENT_KEY:
                header = value
            elif key == CALLER_KEY:
                caller = value
        return _Call(caller, begin_server_span(self._telemetry, header, self._name))

    def admit(self, call: _Call, context: Context, *, endless: bool) -> float | None:
        """Checks that the call may and can be answered; returns seconds to enforce if its caller set none."""
        authorise(self._is_allowed, call.caller, self._name)
        if self._admission is not None:
            self._admission.enter()
            call.admission = self._admission
        remaining_s = context.time_remaining()
        if remaining_s is not None:
            self._deadlines.admit(remaining_s)  # gRPC cancels the handler when it passes.
        elif not endless:
            self._deadlines.admit(self._deadlines.default_s)
            return self._deadlines.default_s
        return None

    async def within(self, seconds: float, work: Coroutine[Any, Any, Any]) -> Any:
        """What the work returns; raises `DeadlinePassed` when that takes longer than it may.

        Work that never waits needs no timer, which would cost more than all the checks together.
        """
        try:
            waits_for = work.send(None)
        except StopIteration as done:
            return done.value
        async with self._deadlines.enforced(seconds):
            return await resumed(work, waits_for)

    async def refuse(self, call: _Call, context: Context, failure: BaseException) -> NoReturn:
        """Ends the call with an error. Raises what gRPC wants to see; the answer is on its way then."""
        error = self._as_service_error(failure)
        if error is None:
            code = context.code()
            call.code = code.name if isinstance(code, grpc.StatusCode) else "CANCELLED"
            call.error = call.code
            raise failure
        call.code, call.error = error.kind.value, error.reason
        status = to_wire(error, self._reader(call, context))
        await context.abort(status.code, status.message, status.trailing_metadata)
        raise AssertionError("abort raises") from failure

    def _reader(self, call: _Call, context: Context) -> Reader | None:
        """Who reads an error; None when that is a service."""
        if not is_person(call.caller):
            return None
        languages = accepted_languages(metadata_of(context))[:PREFERENCES_CHARACTERS_MAX]
        return Reader(languages, self._help_url)

    def end(self, call: _Call) -> None:
        """Counts the call out and ends its span."""
        if call.admission is not None:
            call.admission.leave()
        self._metrics.ended(call.code, perf_counter() - call.began_s)
        if call.span is not None:
            call.span.span.set_attribute("rpc.grpc.status_code", call.code)
            call.span.end(call.error)

    def _as_service_error(self, failure: BaseException) -> ServiceError | None:
        """The error to answer with; None for what must pass through untouched."""
        if isinstance(failure, ServiceError):
            return failure
        if isinstance(failure, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                return None  # The caller went away, its time passed, or the server stops.
            # Something that the handler waited for was cancelled; without an answer the caller would hang.
            return CallCancelled("what the call waited for was cancelled")
        if isinstance(failure, grpc.aio.AbortError) or not isinstance(failure, Exception):
            return None
        _log.error("handler failed", method=self._name, exc_info=failure)
        return Internal("internal error")


class _Call:
    """What is known about one call."""

    __slots__ = ("admission", "began_s", "caller", "code", "error", "span")

    def __init__(self, caller: str, span: ActiveSpan | None) -> None:
        self.admission: Admission | None = None
        self.began_s = perf_counter()
        self.caller = caller
        self.span = span
        self.code = "OK"
        self.error: str | None = None


def _wrapped(method: _Method, behaviour: Any, prepare: Callable[[Any], Any], handler: Handler) -> Any:
    if not handler.response_streaming:
        return _one_answer(method, behaviour, prepare, endless=handler.request_streaming)
    if inspect.isasyncgenfunction(behaviour):
        return _many_answers(method, behaviour, prepare)
    # A coroutine that answers through `context.write`.
    return _one_answer(method, behaviour, prepare, endless=True)


def _one_answer(
    method: _Method,
    behaviour: Callable[..., Coroutine[Any, Any, Any]],
    prepare: Callable[[Any], Any],
    *,
    endless: bool,
) -> Callable[..., Awaitable[Any]]:
    async def answer(request: Any, context: Context) -> Any:
        call = method.begin(context)
        try:
            enforce_s = method.admit(call, context, endless=endless)
            if enforce_s is None:
                return await behaviour(prepare(request), context)
            return await method.within(enforce_s, behaviour(prepare(request), context))
        except BaseException as failure:  # noqa: BLE001 - `refuse` raises whatever is not an answer
            await method.refuse(call, context, failure)
        finally:
            method.end(call)

    return answer


def _many_answers(
    method: _Method, behaviour: Callable[..., Any], prepare: Callable[[Any], Any]
) -> Callable[..., AsyncIterator[Any]]:
    async def answers(request: Any, context: Context) -> AsyncIterator[Any]:
        call = method.begin(context)
        try:
            method.admit(call, context, endless=True)
            async with aclosing(behaviour(prepare(request), context)) as responses:
                async for response in responses:
                    yield response
        except GeneratorExit:
            call.code = call.error = "CANCELLED"
            raise
        except BaseException as failure:  # noqa: BLE001 - `refuse` raises whatever is not an answer
            await method.refuse(call, context, failure)
        finally:
            method.end(call)

    return answers

"""Plays a case at an address: its steps, its call, and the comparison with what it expects."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf import json_format

from services.mesh.callgraph import CALLS, PLAYER, allowed
from services.mesh.errors import ServiceError
from tests.contract.bench import Bench, Provider
from tests.contract.case import Call, Case, CaseMalformed, ExpectedError, Step
from tests.contract.contracts import Rpc, rpcs
from tests.contract.values import Scope, as_dict, difference

T = TypeVar("T")

PATIENCE_FIRST_S = 0.3
"""Real seconds that a call gets before the clock is moved for it: most wait for a disk, not for time."""
PATIENCE_S = 0.05
"""The same for each further move."""
CLOCK_STEP_S = 0.05
"""How far the clock is moved then, and between the attempts of `until`."""
CLOCK_STEPS_MAX = 200
"""Moves of the clock after which a call or an `until` is given up."""


class CaseFailed(AssertionError):
    """The service did not do what the case promises."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call."""

    responses: Sequence[dict[str, Any]]
    error: ServiceError | None


async def play(case: Case, provider: Provider, bench: Bench) -> None:
    """Raises `CaseFailed` when anything comes out differently."""
    scope = Scope(bench.clock.now_ms)
    for step in case.given:
        for _ in range(step.times):
            await _take(step, provider, bench, scope)
    outcome = await call_once(case.call, provider.address, bench, scope)
    check(case.call, outcome, scope)


async def call_once(call: Call, address: str, bench: Bench, scope: Scope) -> Outcome:
    """Makes a call of a case, moving the clock when it waits for time."""
    rpc = rpcs().get(call.rpc)
    if rpc is None:
        raise CaseMalformed(f"no contract has {call.rpc}")
    requests = [json_format.ParseDict(scope.resolve(request), rpc.request()) for request in call.requests]
    options = {
        "timeout": call.deadline_s,
        "metadata": tuple((key, str(value)) for key, value in scope.resolve(call.metadata).items()),
    }
    channel = bench.channels(call.caller or first_caller(call.rpc)).channel(address)
    expected = scope.resolve(list(call.responses or ()))
    exchange = _Exchange(rpc, requests, expected, may_end=call.error is not None)
    return await drive(bench, exchange.run(channel, options))


def check(call: Call, outcome: Outcome, scope: Scope) -> None:
    """Compares what came of a call with what its case expects."""
    if call.error is not None:
        _check_error(scope.resolve, call.error, outcome.error)
    elif outcome.error is not None:
        raise CaseFailed(f"{call.rpc} failed: {outcome.error!r} {dict(outcome.error.metadata)}")
    expected = scope.resolve(list(call.responses or ()))
    if len(outcome.responses) < len(expected):
        raise CaseFailed(f"{call.rpc} gave {len(outcome.responses)} responses, not {len(expected)}")
    for want, got in zip(expected, outcome.responses, strict=False):
        found = difference(want, got)
        if found is not None:
            raise CaseFailed(f"{call.rpc}: {found}")


def first_caller(rpc: str) -> str:
    """The first caller, by name, that the call graph lets in."""
    return next((caller for caller in sorted({edge[0] for edge in CALLS}) if allowed(caller, rpc)), PLAYER)


async def drive(bench: Bench, work: Awaitable[T]) -> T:
    """Waits for something, and moves the clock when it seems to wait for that."""
    task = asyncio.ensure_future(work)
    for move in range(CLOCK_STEPS_MAX):
        patience_s = PATIENCE_S if move else PATIENCE_FIRST_S
        done, _pending = await asyncio.wait({task}, timeout=patience_s)
        if done:
            return await task
        await bench.clock.advance(CLOCK_STEP_S)
    task.cancel()
    raise CaseFailed(f"no answer in {CLOCK_STEPS_MAX * CLOCK_STEP_S:g} s of the clock")


async def _take(step: Step, provider: Provider, bench: Bench, scope: Scope) -> None:
    if step.advance_s is not None:
        await bench.clock.advance(step.advance_s)
        return
    if step.advance_to_s is not None:
        # However far the clock was moved for calls that seemed to wait.
        await bench.clock.advance(max(0.0, step.advance_to_s - bench.clock.monotonic_s()))
        return
    result = await _act(step, provider, scope) if step.call is None else None
    if step.call is not None:
        result = await _call_until(step, step.call, provider, bench, scope)
    for name, path in step.save.items():
        scope.values[name] = _at(result, path)


async def _act(step: Step, provider: Provider, scope: Scope) -> Any:
    action = provider.actions.get(step.action or "")
    if action is None:
        raise CaseMalformed(f"the provider has no action {step.action!r}")
    result = action(**scope.resolve(step.arguments))
    return await result if inspect.isawaitable(result) else result


async def _call_until(step: Step, call: Call, provider: Provider, bench: Bench, scope: Scope) -> Any:
    found: str | None = ""
    for _ in range(CLOCK_STEPS_MAX):
        outcome = await call_once(call, provider.address, bench, scope)
        if step.until is None:
            check(call, outcome, scope)
            if outcome.error is not None:
                return dict(outcome.error.metadata)
            return outcome.responses[0] if outcome.responses else {}
        found = difference(scope.resolve(step.until), outcome.responses[0]) if outcome.responses else "failed"
        if found is None:
            return outcome.responses[0]
        await bench.clock.advance(CLOCK_STEP_S)
        await asyncio.sleep(0.001)  # Feeds are read by other threads, which need real time.
    raise CaseFailed(f"{call.rpc} never came to contain what `until` says: {found}")


class _Exchange:
    """One call on the wire, of any arity."""

    def __init__(self, rpc: Rpc, requests: list[Any], expected: list[Any], *, may_end: bool) -> None:
        self._rpc = rpc
        self._requests = requests
        self._expected = expected
        self._may_end = may_end

    async def run(self, channel: grpc.aio.Channel, options: dict[str, Any]) -> Outcome:
        rpc = self._rpc
        arity = f"{'stream' if rpc.client_streams else 'unary'}_{'stream' if rpc.server_streams else 'unary'}"
        begin = getattr(channel, arity)(
            f"/{rpc.name}",
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.response.FromString,
        )
        responses: list[dict[str, Any]] = []
        try:
            if arity == "unary_unary":
                return Outcome([as_dict(await begin(self._requests[0], **options))], None)
            stream = begin(*(() if rpc.client_streams else self._requests), **options)
            for request in self._requests if rpc.client_streams else ():
                await stream.write(request)
            if not rpc.server_streams:
                await stream.done_writing()
                return Outcome([as_dict(await stream)], None)
            await self._read(stream, responses)
            stream.cancel()
        except ServiceError as error:
            return Outcome(responses, error)
        return Outcome(responses, None)

    async def _read(self, stream: Any, responses: list[dict[str, Any]]) -> None:
        """Reads what is expected, or to the end where an error is."""
        whole = self._rpc.response()
        while self._may_end or len(responses) < len(self._expected):
            response = await stream.read()
            if response is grpc.aio.EOF:
                return
            if self._may_end or len(self._expected) > 1:
                responses.append(as_dict(response))
                continue
            # How a feed cuts its records into messages is its own business: they are put together again.
            whole.MergeFrom(response)
            responses[:] = [as_dict(whole)]
            if difference(self._expected[0], responses[0]) is not None and not _is_full(
                self._expected[0], responses[0]
            ):
                responses.clear()


def _is_full(expected: Any, found: dict[str, Any]) -> bool:
    """Whether a message has all the elements that are expected, be they right or wrong."""
    lists = {name: value for name, value in expected.items() if isinstance(value, list)}
    return all(len(found.get(name, ())) >= len(value) - ("$rest" in value) for name, value in lists.items())


def _check_error(resolve: Any, expected: ExpectedError, error: ServiceError | None) -> None:
    if error is None:
        raise CaseFailed(f"succeeded, should have failed with {expected.reason}")
    got = {"code": error.kind.value, "domain": error.domain, "reason": error.reason}
    want = {"code": expected.code, "domain": expected.domain, "reason": expected.reason}
    found = difference(want, got, "error")
    found = found or difference(resolve(expected.metadata), error.metadata, "metadata")
    found = found or difference(resolve(expected.localized), error.localized, "localized")
    if found is not None:
        raise CaseFailed(f"{found}; the error is {error!r} {dict(error.metadata)}")
    if expected.retry is not None and (error.retry_delay_ms is not None) != expected.retry:
        raise CaseFailed(f"retry delay is {error.retry_delay_ms} ms, expected one: {expected.retry}")


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value

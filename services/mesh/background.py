"""Tasks that outlive the request that started them."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

from services.mesh.interceptors.deadline import forget_deadline
from services.mesh.logs import get_logger
from services.mesh.telemetry import forget_span

_ResultT = TypeVar("_ResultT")
_log = get_logger("mesh.background")
# The loop keeps only weak references to tasks; without this one, a task could vanish while it waits.
_running: set[asyncio.Task[Any]] = set()


def start_background(coroutine: Coroutine[Any, Any, _ResultT], name: str) -> asyncio.Task[_ResultT]:
    """Starts a task without the current request's deadline and span, which it would otherwise inherit.

    A failure that nobody waits for is logged. The caller cancels the task when it is not wanted any more.
    """
    context = contextvars.copy_context()
    context.run(forget_deadline)
    context.run(forget_span)
    task = asyncio.create_task(coroutine, name=name, context=context)
    _running.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled() and (failure := task.exception()) is not None:
        _log.error("background task failed", task=task.get_name(), exc_info=failure)

"""Coroutines that were begun by hand, and go on in a task."""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


@types.coroutine
def resumed(work: Coroutine[Any, Any, ResultT], waits_for: Any) -> Generator[Any, Any, ResultT]:
    """Goes on with a coroutine whose first step was made with `send(None)` and gave `waits_for`.

    The current task waits for that first, and then for whatever else the coroutine waits for, as if it had
    awaited it from its beginning: results go in, and so do errors and cancellations.
    """
    try:
        while True:
            try:
                sent = yield waits_for
            except GeneratorExit:
                work.close()
                raise
            except BaseException as failure:  # noqa: BLE001 - what is thrown in here is thrown in there
                waits_for = work.throw(failure)
            else:
                waits_for = work.send(sent)
    except StopIteration as done:
        result: ResultT = done.value
        return result

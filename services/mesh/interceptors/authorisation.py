"""The call graph, enforced: a caller says its name, and the table says whether it may call the method.

The name is a claim, not a proof: in a cluster, network policies made from the same table hold strangers off.
"""

from __future__ import annotations

from collections.abc import Callable

from services.mesh.callgraph import PLAYER
from services.mesh.errors import ErrorKind, ServiceError

CALLER_KEY = "x-hongbao-caller"
"""Metadata key of the caller's service name."""

IsAllowed = Callable[[str, str], bool]
"""Answers whether (caller, method) is an edge of the call graph."""


class CallNotAllowed(ServiceError):
    """The call graph has no such edge."""

    kind = ErrorKind.DENIED
    reason = "CALL_NOT_ALLOWED"


def authorise(is_allowed: IsAllowed, caller: str, method: str) -> None:
    """Raises `CallNotAllowed`. Whoever does not say its name is a player: nobody may do less."""
    caller = caller or PLAYER
    if not is_allowed(caller, method):
        raise CallNotAllowed(f"{caller} may not call {method}", caller=caller, method=method)

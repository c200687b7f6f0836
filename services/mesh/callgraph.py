"""Who may call what: the one table.

The servers enforce it, the trace test compares real traces with it, and network policies and the diagram in
the README are made from it. A line is a caller and the methods that it may call; `*` stands for every method
of a service's contract.
"""

from __future__ import annotations

from functools import lru_cache

PLAYER = "player"
"""Apps and pages of people: whoever calls without naming itself is one."""
OPERATOR = "operator"
"""The `hongbao` command."""

_TABLE: tuple[tuple[str, str], ...] = ((PLAYER, "hongbao.gateway.v1.GatewayService/*"),)

CALLS: frozenset[tuple[str, str]] = frozenset(_TABLE)
"""Edges of the call graph: (caller, "package.Service/Method"), where the method may be `*`."""


@lru_cache(maxsize=4096)
def allowed(caller: str, method: str) -> bool:
    """Whether the caller may call the method (`hongbao.allocation.v1.AllocationService/ClaimBatch`)."""
    return (caller, method) in CALLS or (caller, f"{method.rpartition('/')[0]}/*") in CALLS

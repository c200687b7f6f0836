"""Who calls, by the metadata of the call."""

from __future__ import annotations

from typing import Any

from services.gateway.domain.pace import LanePace
from services.gateway.domain.ports import Caller, Tokens
from services.mesh.interceptors.arrival import metadata_of

AUTHORIZATION_KEY = "authorization"
"""Metadata key of the access token."""


async def caller_of(context: Any, tokens: Tokens, pace: LanePace | None = None) -> Caller:
    """Who calls; it counts at their pace. Raises the errors named `Token...`, and `CallRateExceeded`."""
    header = header_of(context, AUTHORIZATION_KEY)
    caller = tokens.known(header) or await tokens.verify(header)
    if pace is not None:
        pace.take(caller.person_id)
    return caller


def header_of(context: Any, name: str) -> str:
    """A value of the call's metadata; empty when there is none."""
    for key, value in metadata_of(context):
        if key == name:
            return str(value)
    return ""

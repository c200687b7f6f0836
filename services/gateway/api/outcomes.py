"""Outcomes of taps in the contract's words."""

from __future__ import annotations

from hongbao.gateway.v1 import gateway_pb2
from services.gateway.domain.figures import Outcome

OUTCOMES = {outcome: gateway_pb2.TapOutcome.Value(f"TAP_OUTCOME_{outcome.name}") for outcome in Outcome}
"""The contract's number of each outcome."""

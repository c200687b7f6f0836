"""Wires what disputes need: the payer, where entries are looked up, and the service."""

from __future__ import annotations

from hongbao.settlement.v1 import disputes_pb2_grpc
from services.mesh.clock import Clock
from services.mesh.server import Service
from services.settlement.adapters.dispute_entries import DisputeEntries, EntryAmounts
from services.settlement.api.disputes import DisputeServicer
from services.settlement.api.shards import OwnedShards
from services.settlement.domain.disputes.limits import DisputeLimits
from services.settlement.settings import SettlementSettings
from services.settlement.tasks.dispute_payer import DisputePayer


class Disputing:
    """Everything about disputes but their rules."""

    def __init__(self, clock: Clock, settings: SettlementSettings) -> None:
        self._clock = clock
        self._limits = limits_of(settings)
        self.companion = DisputePayer(self._limits, clock, settings)
        """What goes with every shard."""

    def service(self, shards: OwnedShards, statements: EntryAmounts) -> Service:
        """The contract's service."""
        entries = DisputeEntries(statements)
        return Service(
            "hongbao.settlement.v1.DisputeService",
            DisputeServicer(shards, entries.find, self._limits, self._clock),
            disputes_pb2_grpc.add_DisputeServiceServicer_to_server,
        )


def limits_of(settings: SettlementSettings) -> DisputeLimits:
    """The limits that settings fix."""
    return DisputeLimits(
        open_max=settings.dispute_open_max,
        year_max=settings.dispute_year_max,
        year_fen_max=settings.dispute_year_fen_max,
        shard_max=settings.dispute_shard_max,
        shard_bytes_max=settings.dispute_shard_bytes_max,
        bytes_max=settings.dispute_bytes_max,
        evidence_max=settings.dispute_evidence_max,
        steps_max=settings.dispute_steps_max,
        approval_above_fen=settings.dispute_approval_above_fen,
        entry_age_days_max=settings.dispute_entry_age_days_max,
        retention_days=settings.dispute_retention_days,
        request_ahead_ms_max=settings.dispute_request_ahead_ms_max,
    )

"""Movements of the contract and of the rules."""

from __future__ import annotations

from hongbao.cards.v1 import history_pb2
from services.cards.contract import card_value, source_value
from services.cards.domain.holdings.history import Movement
from services.mesh.timestamps import timestamp


def movement_to_contract(movement: Movement) -> history_pb2.Movement:
    """A movement as the contract has it."""
    told = history_pb2.Movement(
        kind=history_pb2.MovementKind.ValueType(movement.kind.value),
        moved_at=timestamp(movement.time_ms),
        record_seq=movement.seq,
        other_person_id=movement.other_person_id or 0,
    )
    if movement.card is not None:
        told.card = card_value(movement.card)
    if movement.earning is not None:
        told.source = source_value(movement.earning.source)
        told.source_key = movement.earning.source_key
        told.draw_index = movement.earning.draw_index
    return told

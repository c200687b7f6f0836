"""Hands, deals and history in snapshots: columns of numbers as bytes, and back."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hongbao.cards.v1 import snapshot_pb2
from services.cards.domain.holdings.kept import KeptHoldings, KeptKeys

_CARDS = 5
_MOMENT_VALUES = 2

_Value = TypeVar("_Value", bound=np.generic)


def write_holdings(snapshot: snapshot_pb2.HoldingsSnapshot, kept: KeptHoldings) -> None:
    """Writes columns into a snapshot, as bytes."""
    snapshot.person_ids = kept.people.tobytes()
    snapshot.held_counts = kept.copies.tobytes()
    snapshot.deal_days = kept.deal_days.tobytes()
    snapshot.deal_counts = kept.deal_counts.tobytes()
    snapshot.movement_rows = kept.movement_rows.tobytes()
    snapshot.movement_whats = kept.movement_whats.tobytes()
    snapshot.movement_subjects = kept.movement_subjects.tobytes()
    snapshot.movements_before = kept.movements_before.tobytes()
    snapshot.other_person_ids = kept.others.tobytes()
    snapshot.moment_firsts = kept.moment_firsts.tobytes()
    snapshot.moments = kept.moments.tobytes()
    snapshot.draw_firsts = kept.draw_firsts.tobytes()
    snapshot.draw_indexes = kept.draw_indexes.tobytes()
    snapshot.key_sources = kept.keys.sources.tobytes()
    snapshot.key_ends = kept.keys.ends.tobytes()
    snapshot.key_texts = kept.keys.texts.tobytes()


def holdings_from_contract(kept: snapshot_pb2.HoldingsSnapshot) -> KeptHoldings:
    """The columns of a snapshot."""
    return KeptHoldings(
        people=_column(kept.person_ids, np.int64),
        copies=_column(kept.held_counts, np.uint32).reshape(-1, _CARDS),
        deal_days=_column(kept.deal_days, np.uint16),
        deal_counts=_column(kept.deal_counts, np.uint16),
        movement_rows=_column(kept.movement_rows, np.uint32),
        movement_whats=_column(kept.movement_whats, np.uint8),
        movement_subjects=_column(kept.movement_subjects, np.uint32),
        movements_before=_column(kept.movements_before, np.uint32),
        others=_column(kept.other_person_ids, np.int64),
        moment_firsts=_column(kept.moment_firsts, np.uint32),
        moments=_column(kept.moments, np.int64).reshape(-1, _MOMENT_VALUES),
        draw_firsts=_column(kept.draw_firsts, np.uint32),
        draw_indexes=_column(kept.draw_indexes, np.int64).reshape(-1, 1),
        keys=KeptKeys(
            _column(kept.key_sources, np.uint8),
            _column(kept.key_ends, np.uint32),
            _column(kept.key_texts, np.uint8),
        ),
    )


def _column(content: bytes, of_type: type[_Value]) -> NDArray[_Value]:
    # A copy: the bytes of a message cannot be written to, and columns go on growing.
    return np.frombuffer(content, of_type).copy()

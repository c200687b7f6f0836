from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.settlement.settings import SettlementSettings


@pytest.mark.parametrize(
    "knobs",
    [
        {"withdrawal_fen_min": 101, "withdrawal_fen_max": 100},
        {"withdrawal_query_ms_min": 101, "withdrawal_query_ms_max": 100},
    ],
)
def test_a_least_above_the_most_is_refused_at_start(knobs: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="_MIN must not exceed HONGBAO_WITHDRAWAL"):
        SettlementSettings(**knobs)  # type: ignore[arg-type]


def test_equal_bounds_leave_one_amount() -> None:
    settings = SettlementSettings(withdrawal_fen_min=100, withdrawal_fen_max=100)
    assert settings.withdrawal_fen_min == settings.withdrawal_fen_max

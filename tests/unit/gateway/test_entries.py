"""What lines of statements are called."""

from __future__ import annotations

import pytest

from hongbao.gateway.v1 import wallet_pb2
from hongbao.settlement.v1 import events_pb2
from services.gateway.adapters.wallets import kind_of
from services.gateway.domain.entries import KINDS, PHASES, EntryKind, EntryPhase, title
from services.mesh.language import Language

ELSEWHERE = {
    "UNSPECIFIED",
    "DEPOSIT",
    "ROUND_HOLD",
    "POOL_HOLD",
    "ROUND_RETURN",
    "POOL_SHARE",
    "POOL_REMAINDER",
    "POOL_RETURN",
    "LEFTOVER",
    "SPONSOR_BUDGET",
    "BUDGET_RETURN",
    "FUND_COMPENSATION",
    "COMPENSATION_RETURN",
    "SPONSOR_PAYOUT",
    "WAITING_EXPIRED",
    "WAITING_MERGED",
    "WAITING_DUPLICATE",
    "WITHDRAWAL_LOSS",
    "WITHDRAWAL_LOSS_RETURN",
}
"""Codes of transfers between accounts of which none is a wallet."""


def test_every_code_that_moves_the_money_of_a_wallet_has_a_kind() -> None:
    names = {name.removeprefix("TRANSFER_CODE_") for name in events_pb2.TransferCode.keys()}  # noqa: SIM118
    assert names == set(KINDS) | ELSEWHERE
    assert kind_of(events_pb2.TRANSFER_CODE_REVERSAL) is EntryKind.COMPENSATION
    assert kind_of(events_pb2.TRANSFER_CODE_DEPOSIT) is EntryKind.OTHER


def test_phases_are_those_of_settlement() -> None:
    names = {name.removeprefix("TRANSFER_PHASE_") for name in events_pb2.TransferPhase.keys()}  # noqa: SIM118
    assert names == set(PHASES) | {"UNSPECIFIED", "SINGLE", "POST"}


def test_kinds_and_phases_are_numbered_as_in_the_contract() -> None:
    kinds = {name.removeprefix("ENTRY_KIND_"): number for name, number in wallet_pb2.EntryKind.items()}
    assert {kind.name: kind.value for kind in EntryKind if kind} == {
        name: number for name, number in kinds.items() if number
    }
    phases = {name.removeprefix("ENTRY_PHASE_"): number for name, number in wallet_pb2.EntryPhase.items()}
    assert {phase.name: phase.value for phase in EntryPhase} == {
        name: number for name, number in phases.items() if number
    }


@pytest.mark.parametrize("language", Language)
def test_every_entry_has_a_title_of_its_own_in_every_language(language: Language) -> None:
    titles = [title(kind, phase, language) for kind in EntryKind for phase in EntryPhase]
    assert len(set(titles)) == len(titles)
    assert all(titles)

"""Where accounts live, and that the domain counts as the contract does."""

from __future__ import annotations

import pytest

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.shards.hashing import shard_of, shard_of_text
from services.settlement.domain import accounts
from services.settlement.domain.accounts import AccountCode, Side
from services.settlement.domain.registers import HoldPurpose
from services.settlement.domain.transfers import TransferCode


@pytest.mark.parametrize(
    ("domain", "contract", "prefix"),
    [
        (AccountCode, pb.AccountCode, "ACCOUNT_CODE_"),
        (TransferCode, pb.TransferCode, "TRANSFER_CODE_"),
        (HoldPurpose, pb.HoldPurpose, "HOLD_PURPOSE_"),
    ],
)
def test_numbers_are_those_of_the_contract(
    domain: type[AccountCode], contract: type[pb.AccountCode], prefix: str
) -> None:
    named = {f"{prefix}{value.name}": int(value) for value in domain}
    assert {f"{prefix}UNSPECIFIED": 0, **named} == dict(contract.items())


@pytest.mark.parametrize(
    ("account_id", "code", "shard"),
    [
        (accounts.bank_clearing(3), AccountCode.BANK_CLEARING, 3),
        (accounts.sponsor(7), AccountCode.SPONSOR, shard_of(7, 4)),
        (accounts.escrow("spring.r01", 6), AccountCode.ESCROW, 2),
        (accounts.pool("spring"), AccountCode.POOL, shard_of_text("spring", 4)),
        (accounts.pool_share("spring", 5), AccountCode.POOL_SHARE, 1),
        (accounts.wallet(9), AccountCode.WALLET, shard_of(9, 4)),
        (accounts.remainder("spring"), AccountCode.REMAINDER, shard_of_text("spring", 4)),
    ],
)
def test_an_accounts_id_says_what_it_is_and_where(account_id: str, code: AccountCode, shard: int) -> None:
    assert accounts.code_of(account_id) is code
    assert accounts.shard_of_account(account_id, 4) == shard


def test_money_in_transit_is_kept_on_two_shards() -> None:
    account_id = accounts.in_transit(1, 2)
    assert accounts.transit_shards(account_id) == (1, 2)
    with pytest.raises(ValueError, match="two shards"):
        accounts.shard_of_account(account_id, 4)


def test_an_unknown_kind_of_account_is_refused() -> None:
    with pytest.raises(ValueError, match="no account"):
        accounts.code_of("slush_fund:1")


def test_only_the_bank_grows_by_debits() -> None:
    assert [code for code in AccountCode if code.normal_side is Side.DEBIT] == [AccountCode.BANK_CLEARING]


def test_only_bank_clearing_and_in_transit_may_be_below_0() -> None:
    free = {code for code in AccountCode if code.may_go_negative}
    assert free == {AccountCode.BANK_CLEARING, AccountCode.IN_TRANSIT}

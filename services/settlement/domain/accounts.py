"""Accounts: what they are for, which side they grow on, and on which shard they live.

An account's id is readable and follows from what it is for, so that nobody has to look one up or create one.
"""

from __future__ import annotations

import enum
from typing import NewType

from services.mesh.shards.hashing import shard_of, shard_of_text

AccountId = NewType("AccountId", str)
PersonId = NewType("PersonId", int)
SponsorId = NewType("SponsorId", int)
CampaignId = NewType("CampaignId", str)
HoldId = NewType("HoldId", str)

BALANCE_FEN_MAX = 10**15
"""The most that one account may hold, fen: ten million million yuan, beyond any real sponsor."""
CLEARING_FEN_MAX = 4 * 10**18
"""The most that passes through one bank clearing or in-transit account, fen: sums must fit into 64 bits."""


class Side(enum.Enum):
    """The side on which an account's balance normally is."""

    DEBIT = "debit"
    """Assets: what the bank holds for us."""
    CREDIT = "credit"
    """Liabilities: what we owe to sponsors and people."""


class AccountCode(enum.IntEnum):
    """What an account is for. The numbers are those of the contract."""

    BANK_CLEARING = 1
    SPONSOR = 2
    ESCROW = 3
    POOL = 4
    POOL_SHARE = 5
    WALLET = 6
    IN_TRANSIT = 7
    REMAINDER = 8
    ENVELOPE = 9
    CAMPAIGN_BUDGET = 10
    COMPENSATION = 11
    WAITING = 12

    @property
    def normal_side(self) -> Side:
        """Money comes in through bank clearing; everything else says whose it is."""
        return Side.DEBIT if self is AccountCode.BANK_CLEARING else Side.CREDIT

    @property
    def may_go_negative(self) -> bool:
        """Whether the balance (credits - debits) may be below 0.

        Bank clearing is the other side of all money in the house. In transit is above 0 on the shard that
        sends and below 0 on the one that receives; only the sum of the two means something.
        """
        return self in {AccountCode.BANK_CLEARING, AccountCode.IN_TRANSIT}

    @property
    def balance_fen_max(self) -> int:
        """The largest balance, either way, fen."""
        return CLEARING_FEN_MAX if self.may_go_negative else BALANCE_FEN_MAX


_CODES = {code.name.lower(): code for code in AccountCode} | {"budget": AccountCode.CAMPAIGN_BUDGET}
_WALLET_PREFIX = "wallet:"


def bank_clearing(shard: int) -> AccountId:
    """The bank's side of the deposits that one shard has booked."""
    return AccountId(f"bank_clearing:{shard}")


def sponsor(sponsor_id: int) -> AccountId:
    """A sponsor's money that is not held for anything."""
    return AccountId(f"sponsor:{sponsor_id}")


def escrow(hold_id: str, part: int) -> AccountId:
    """The part of a round's budget that one allocation shard gives away."""
    return AccountId(f"escrow:{hold_id}:{part}")


def pool(campaign_id: str) -> AccountId:
    """A campaign's prize pool, until it is divided."""
    return AccountId(f"pool:{campaign_id}")


def pool_share(campaign_id: str, cards_shard: int) -> AccountId:
    """What the completers of one cards shard get of a divided pool."""
    return AccountId(f"pool_share:{campaign_id}:{cards_shard}")


def wallet(person_id: int) -> AccountId:
    """A person's money."""
    return AccountId(f"{_WALLET_PREFIX}{person_id}")


def in_transit(from_shard: int, to_shard: int) -> AccountId:
    """Money that has left one shard for another; both keep an account with this id."""
    return AccountId(f"in_transit:{from_shard}:{to_shard}")


def remainder(campaign_id: str) -> AccountId:
    """What a campaign's pool could not divide equally."""
    return AccountId(f"remainder:{campaign_id}")


def envelope(envelope_id: int) -> AccountId:
    """An envelope's money that nobody has claimed yet."""
    return AccountId(f"envelope:{envelope_id}")


def budget(campaign_id: str, sponsor_id: int) -> AccountId:
    """What a sponsor has set aside for one campaign, and not yet held for anything in it."""
    return AccountId(f"budget:{campaign_id}:{sponsor_id}")


def compensation(shard: int) -> AccountId:
    """The part of the compensation fund that one shard pays disputes out of."""
    return AccountId(f"compensation:{shard}")


def waiting(person_id: int, hold_id: str) -> AccountId:
    """A person's winnings of one round or pool that wait until the person is verified."""
    return AccountId(f"waiting:{person_id}:{hold_id}")


def code_of(account_id: str) -> AccountCode:
    """What an account is for; ValueError when no account can have this id."""
    code = _CODES.get(account_id.partition(":")[0])
    if code is None:
        raise ValueError(f"no account is called {account_id!r}")
    return code


def person_of(account_id: str) -> PersonId | None:
    """Whose wallet it is; None for any other account."""
    if not account_id.startswith(_WALLET_PREFIX):
        return None
    return PersonId(int(account_id.removeprefix(_WALLET_PREFIX)))


def transit_shards(account_id: str) -> tuple[int, int]:
    """From which shard to which the money of an in-transit account goes."""
    _, from_shard, to_shard = account_id.split(":")
    return int(from_shard), int(to_shard)


def shard_of_account(account_id: str, shard_count: int) -> int:
    """The settlement shard that keeps an account; ValueError for in transit, which two shards keep.

    Escrows and pool shares live where the feed of their allocation or cards shard is read, wallets, sponsors
    and envelopes by the hash of the id, budgets with their sponsor, pools and remainders at the campaign's
    home. The number after bank clearing and compensation is the shard itself and may be one that does not
    exist.
    """
    match code_of(account_id):
        case AccountCode.SPONSOR | AccountCode.WALLET | AccountCode.ENVELOPE | AccountCode.CAMPAIGN_BUDGET:
            return shard_of(int(account_id.rpartition(":")[2]), shard_count)
        case AccountCode.WAITING:
            return shard_of(int(account_id.split(":")[1]), shard_count)
        case AccountCode.ESCROW | AccountCode.POOL_SHARE:
            return int(account_id.rpartition(":")[2]) % shard_count
        case AccountCode.POOL | AccountCode.REMAINDER:
            return shard_of_text(account_id.partition(":")[2], shard_count)
        case AccountCode.BANK_CLEARING | AccountCode.COMPENSATION:
            return int(account_id.rpartition(":")[2])
        case AccountCode.IN_TRANSIT:
            raise ValueError(f"{account_id} is kept on two shards")

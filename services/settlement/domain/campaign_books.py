"""Where each campaign's money is, by the books of all shards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.settlement.domain.accounts import AccountCode
from services.settlement.domain.shard_books import CodeTotal, KindTotal, ShardBooks
from services.settlement.domain.transfers import TransferCode


@dataclass(frozen=True, slots=True)
class CampaignBooks:
    """Where a campaign's money is, fen."""

    campaign_id: str
    held_fen: int
    """Set aside by its sponsor for rounds and pool."""
    returned_fen: int
    """Back in the sponsor's account."""
    wallets_fen: int
    """Credited to people."""
    escrow_fen: int
    pool_fen: int
    shares_fen: int
    waiting_fen: int
    """Winnings of people who are not verified."""
    budgets_fen: int
    """What its sponsors have set aside for it, and not held for anything."""
    compensation_fen: int
    """What it gave compensation funds."""
    paid_out_fen: int
    """What its sponsors were paid out of it, less what the bank paid in for it."""
    remainder_fen: int
    in_transit_fen: int
    packets_fen: int
    """Packets that were won: what they brought wallets, at once or after they had waited, or still may."""
    packets: int
    prizes_fen: int
    """Prizes from the pool, as packets."""
    prizes: int

    @property
    def placed_fen(self) -> int:
        """All places together, fen: what was held."""
        return (
            self.returned_fen
            + self.wallets_fen
            + self.escrow_fen
            + self.pool_fen
            + self.shares_fen
            + self.waiting_fen
            + self.remainder_fen
            + self.budgets_fen
            + self.compensation_fen
            + self.paid_out_fen
            + self.in_transit_fen
        )

    @property
    def settled(self) -> bool:
        """Whether all of its money has reached its last account."""
        ahead_fen = (
            self.escrow_fen + self.pool_fen + self.shares_fen + self.waiting_fen + abs(self.in_transit_fen)
        )
        return not ahead_fen


def books_of_campaign(campaign_id: str, shards: Sequence[ShardBooks]) -> CampaignBooks:
    """Where a campaign's money is by the books of all shards."""
    totals = [total for books in shards for total in books.totals if total.campaign_id == campaign_id]
    kinds = [kind for books in shards for kind in books.kinds if kind.campaign_id == campaign_id]
    nets = net_totals(totals)
    of_sponsor = [total for total in totals if total.code is AccountCode.SPONSOR]

    def net_fen(code: AccountCode) -> int:
        return nets.get((code, campaign_id), 0)

    return CampaignBooks(
        campaign_id=campaign_id,
        held_fen=sum(total.debits_fen for total in of_sponsor),
        returned_fen=sum(total.credits_fen for total in of_sponsor),
        wallets_fen=net_fen(AccountCode.WALLET),
        escrow_fen=net_fen(AccountCode.ESCROW),
        pool_fen=net_fen(AccountCode.POOL),
        shares_fen=net_fen(AccountCode.POOL_SHARE),
        waiting_fen=net_fen(AccountCode.WAITING),
        budgets_fen=net_fen(AccountCode.CAMPAIGN_BUDGET),
        compensation_fen=net_fen(AccountCode.COMPENSATION),
        paid_out_fen=net_fen(AccountCode.BANK_CLEARING),
        remainder_fen=net_fen(AccountCode.REMAINDER),
        in_transit_fen=net_fen(AccountCode.IN_TRANSIT),
        packets_fen=posted_fen(kinds, TransferCode.PACKET),
        packets=_transfers(kinds, TransferCode.PACKET),
        prizes_fen=posted_fen(kinds, TransferCode.POOL_PRIZE),
        prizes=_transfers(kinds, TransferCode.POOL_PRIZE),
    )


def net_totals(totals: Iterable[CodeTotal]) -> Mapping[tuple[AccountCode, str], int]:
    """Credits - debits by account code and campaign, fen."""
    nets: dict[tuple[AccountCode, str], int] = defaultdict(int)
    for total in totals:
        nets[total.code, total.campaign_id] += total.net_fen
    return nets


def posted_fen(kinds: Iterable[KindTotal], code: TransferCode) -> int:
    """What transfers of one code came to, fen."""
    return sum(kind.amount_fen for kind in kinds if kind.code is code)


def _transfers(kinds: Iterable[KindTotal], code: TransferCode) -> int:
    return sum(kind.transfers for kind in kinds if kind.code is code)

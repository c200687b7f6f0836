"""What is in people's wallets, and what they dispute."""

from __future__ import annotations

from services.gateway import api
from services.gateway.adapters.disputes import DisputeClient
from services.gateway.adapters.wallets import WalletClient
from services.gateway.lanes.grounds import Grounds


def money(on: Grounds) -> tuple[object, ...]:
    """The servicers of money."""
    limits = on.bulkheads
    return (
        api.WalletServicer(on.tokens, WalletClient(on.forwarding), limits.money, limits.others),
        api.DisputeServicer(on.tokens, DisputeClient(on.forwarding), limits.money),
    )

"""The gateway's contract services: who calls, within which limit, and who answers."""

from services.gateway.api.accounts import AccountServicer
from services.gateway.api.cards import CardServicer
from services.gateway.api.friends import FriendServicer
from services.gateway.api.operators import OperatorServicer
from services.gateway.api.taps import TapServicer
from services.gateway.api.wallets import WalletServicer

__all__ = [
    "AccountServicer",
    "CardServicer",
    "FriendServicer",
    "OperatorServicer",
    "TapServicer",
    "WalletServicer",
]

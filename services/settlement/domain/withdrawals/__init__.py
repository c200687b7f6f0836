"""Withdrawals: money leaves wallets by way of a bank, at most once."""

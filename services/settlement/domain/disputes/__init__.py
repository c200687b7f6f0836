"""Disputes: a person says that an entry of their wallet is wrong, and is compensated where that is so."""

"""Accounts that turn out to be one person."""

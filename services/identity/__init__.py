"""Knows who is behind an account."""

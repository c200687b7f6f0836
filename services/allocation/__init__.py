"""Allocation: campaigns, their rounds, and who wins which packet."""

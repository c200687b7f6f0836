"""Feeds: one service reads what another's shards decided, and applies it exactly once."""

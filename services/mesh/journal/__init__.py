"""Journals: what a shard decided, in order, durable, and fenced against owners of the past."""

"""The acts of an evening, in the order they are played."""

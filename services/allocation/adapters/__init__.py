"""Where allocation meets the world: settlement, its own other shards, and the wire form of columns."""

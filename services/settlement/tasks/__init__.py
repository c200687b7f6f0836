"""What settlement does by itself for the shards that it owns, beside reading feeds."""

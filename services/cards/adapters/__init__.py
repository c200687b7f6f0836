"""What connects the rules to the world: journal, feeds, and clients of other services."""

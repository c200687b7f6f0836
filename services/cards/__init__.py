"""The card game: cards are dealt, given to friends, completed into sets, and the pool is shared."""

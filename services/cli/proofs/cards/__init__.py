"""The proof of card games: every card that was dealt, and how the pool was shared, recomputed."""

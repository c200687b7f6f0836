"""Who owns which shard: hashing, the plan, ownership with epochs, and the way callers find an owner."""

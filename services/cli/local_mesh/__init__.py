"""A whole mesh on one machine: which processes it has, how they start, and how they end."""

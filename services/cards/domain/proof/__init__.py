"""What anyone needs to compute a closed game again."""

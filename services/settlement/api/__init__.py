"""What settlement answers: one class for each service of its contract."""

"""Proofs that an operator can ask for: of a draw, and of the books."""

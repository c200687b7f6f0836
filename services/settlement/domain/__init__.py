"""The rules of the ledger: pure, exact, and sure of themselves."""

"""The audit of the ledger's journals, as they are stored."""

"""Settlement: the ledger, and the only service in which money moves."""

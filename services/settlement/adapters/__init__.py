"""What connects the ledger to other services: the feeds that it reads."""

"""The way to a bank: a simulated one, which remembers, errs and is late as real ones are."""

"""The identity contract in terms of the domain, and nothing else: one class for each of its services."""

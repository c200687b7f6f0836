"""What every call passes through: errors, metrics, tracing, authorisation, deadline and validation.

`chain.py` puts them in order around each handler, once, when a server starts.
"""

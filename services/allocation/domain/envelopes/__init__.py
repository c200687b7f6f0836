"""Envelopes: packets that people send to people, their shares, and asks for them. Pure rules."""

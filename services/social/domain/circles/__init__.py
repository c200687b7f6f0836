"""Circles: who may write there, what is written, and what is taken down."""

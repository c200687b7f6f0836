"""Keeps the relations between people."""

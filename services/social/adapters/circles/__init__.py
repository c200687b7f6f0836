"""Circles in SQL, beside messages, and scores from identity."""

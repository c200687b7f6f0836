"""Verification step by step: evidence is collected, providers are asked, and what they say counts once."""

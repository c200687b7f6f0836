"""Credit in SQL, and what other services are asked for it."""

"""Messages in SQL, the desk that keeps them in batches, and the ways to what is sent along."""

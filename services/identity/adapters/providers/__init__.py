"""Who is asked in the background: the desk that asks, and simulated providers with all their moods."""

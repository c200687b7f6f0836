"""A whole campaign evening, played by simulated people against a real mesh."""

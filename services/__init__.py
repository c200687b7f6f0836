"""The services of the red-packet mesh."""

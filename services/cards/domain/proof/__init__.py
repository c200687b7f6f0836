"""What is public of the draw of a game that is over, and whether it fits together."""

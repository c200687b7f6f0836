"""What people tell each other: the rules of messages."""

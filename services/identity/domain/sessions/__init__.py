"""Sessions: what a login is, how it goes on by refresh tokens, and how it ends."""

"""What the gateway touches outside itself: the services behind it, and the tokens that come to it."""

"""How many cards flow where: limits against buying them up, and who does it."""

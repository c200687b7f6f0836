"""How many rare cards are right: a simulated card game over millions of people."""

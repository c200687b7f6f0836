"""The rules of the card game, pure: time, randomness and storage are arguments."""

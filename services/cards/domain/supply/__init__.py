"""How many cards there may be, who may deal them, and which comes next."""

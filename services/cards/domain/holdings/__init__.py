"""Who holds which cards, and what they were dealt for."""

"""Cards that people give each other, and ask each other for."""

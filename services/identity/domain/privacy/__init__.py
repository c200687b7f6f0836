"""What people may ask about what is kept of them: to have it erased, and to see it."""

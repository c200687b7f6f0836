"""Sets that were completed, and how the pool is shared among them."""

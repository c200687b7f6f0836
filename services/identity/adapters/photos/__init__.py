"""Where photos are kept: a store of objects, and what is encrypted before it gets there."""

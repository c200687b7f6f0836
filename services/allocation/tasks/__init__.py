"""What the owner of a shard does by itself: bring rounds through their steps, close stocks in time."""

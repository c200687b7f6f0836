"""The rules of allocation, pure: no network, no disk, no clock and no randomness of their own."""

"""Upkeep of the project itself: the lock file, the environments made from it, the executed notebooks."""

"""Measurements behind the course's promises; `make bench` runs them all and prints ratios."""

"""Measurements of the grader itself: run `make bench`."""

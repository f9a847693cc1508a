"""Observers of runs, one module a library that they tell."""

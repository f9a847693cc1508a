"""Loaders and layouts: how files become migrations."""

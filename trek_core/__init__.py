"""The core of trek."""

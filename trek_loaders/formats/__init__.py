"""Formats of other tools: a module each, layout and store together."""

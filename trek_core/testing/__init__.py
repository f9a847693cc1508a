"""Door 3: what a plugin author tests with."""

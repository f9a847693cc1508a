"""Door 3: what a plugin author tests with."""

from trek_core.testing._ground import Ground

__all__ = ["Ground"]

"""The format `sqitch`: a plan, a deploy and a revert script for each change, and the registry.

Source: Sqitch 1.3.1, Plan.pm, Plan/Change.pm, Plan/Tag.pm, Engine/pg.pm and Role/DBIEngine.pm, and by running it.
"""

from trek_loaders.formats.sqitch._layout import make_layout
from trek_loaders.formats.sqitch._store import make_store

__all__ = ["make_layout", "make_store"]

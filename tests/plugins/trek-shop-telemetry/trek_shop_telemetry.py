"""The spans that trek makes, with the shop's attributes."""

from __future__ import annotations

import os
from collections.abc import Iterator

from trek_core.plugin import Observer, hookimpl
from trek_observers.opentelemetry import observer


@hookimpl
def trek_register_observers() -> Iterator[Observer]:
    attributes = {"shop.team": os.environ.get("SHOP_TEAM", "nobody"), "shop.plugin": "trek-shop-telemetry"}
    yield observer(attributes=attributes, name="shop-telemetry")

import asyncio

import trek_shop_telemetry
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from trek_core import Migrator
from trek_core.testing import check_plugin, memory_backend


def test_every_span_of_a_run_has_the_shop_s_attributes(tmp_path, monkeypatch):
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    monkeypatch.setenv("SHOP_TEAM", "payments")
    monkeypatch.setenv("TREK_DISABLE_PLUGINS", "opentelemetry,shop-telemetry", prepend=",")
    (tmp_path / "1_a.py").write_text("async def upgrade(connection): pass")
    backend = memory_backend(plugins=[("by hand", trek_shop_telemetry)])
    asyncio.run(Migrator(backend, tmp_path).migrate())
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["trek apply", "trek run"]
    assert {span.attributes["shop.team"] for span in spans} == {"payments"}


def test_it_is_found():
    check_plugin("shop-telemetry", offers=["observer shop-telemetry"])

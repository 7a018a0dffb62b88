"""What the bot measures of itself, for Prometheus. A registry of its own: several bots in one process do not mix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds of the histogram's buckets: from one icon on a GPU to a long queue on a small CPU."""


class Metrics:
    """The bot's figures. Counters and the histogram are fed as things happen, gauges when somebody asks."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.generation = Histogram(
            "mojigan_generation_seconds",
            "From ordering icons to having their pictures, the wait in the queue among it",
            buckets=SECONDS,
            registry=registry,
        )
        self.interactions = Counter(
            "mojigan_interactions",
            "Commands and buttons by result: ok, refused (the person was told why) or error",
            ("command", "result"),
            registry=registry,
        )
        self.queue = Gauge("mojigan_queue_icons", "Icons ordered and not drawn yet", registry=registry)
        self.loop_lag = Gauge("mojigan_loop_lag_seconds", "How late the event loop runs", registry=registry)
        self.ready = Gauge("mojigan_ready", "1 when /readyz would answer 200", registry=registry)
        self.guilds = Gauge("mojigan_guilds", "Servers that this process serves", registry=registry)
        self._latency = Gauge(
            "mojigan_gateway_latency_seconds",
            "From a heartbeat to Discord's answer; no sample before the first",
            ("shard",),
            registry=registry,
        )
        self._posts = Gauge(
            "mojigan_posts", "Daily posts in the database by status, of all processes", ("status",), registry=registry
        )
        self._model = Info("mojigan_model", "The model that new icons are drawn with", registry=registry)

    def set_posts(self, counts: Mapping[str, int]) -> None:
        """Note the daily posts by status."""
        for status, count in counts.items():
            self._posts.labels(status).set(count)

    def set_latencies(self, latencies: Iterable[tuple[int, float]]) -> None:
        """Note the latency of each shard in seconds; those that have none yet (not finite) are left out."""
        self._latency.clear()
        for shard, seconds in latencies:
            if 0 <= seconds < float("inf"):
                self._latency.labels(str(shard)).set(seconds)

    def set_model(self, version: str, device: str) -> None:
        """Note the model that serves."""
        self._model.info({"version": version, "device": device})

    def page(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)

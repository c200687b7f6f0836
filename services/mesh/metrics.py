"""Metrics in Prometheus' form: everybody in a process registers with the one `REGISTRY`.

The counts of calls are in `interceptors/metrics.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from services.mesh.settings import MeshSettings

REGISTRY = CollectorRegistry(auto_describe=True)
"""Where every metric of the process is registered."""

LATENCY_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the latency histogram, seconds: from an answer out of memory to the default deadline."""


@dataclass(frozen=True, slots=True)
class Exposition:
    """The HTTP server that Prometheus reads from."""

    port: int
    _server: WSGIServer
    _thread: Thread

    def close(self) -> None:
        """Stops answering and lets go of the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def start_metrics(settings: MeshSettings) -> Exposition | None:
    """Exposes the registry over HTTP when `metrics_port` is set; raises OSError when the port is taken."""
    if settings.metrics_port is None:
        return None
    server, thread = start_http_server(settings.metrics_port, settings.listen_host, REGISTRY)
    return Exposition(int(server.server_port), server, thread)

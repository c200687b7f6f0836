"""Structured logs: one JSON object a line, with the ids of the trace that it belongs to.

Personal data is never logged: log ids, counts and reasons. Values under names that are known to hold personal
data are blotted out all the same, in case that somebody forgets.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from services.mesh.settings import MeshSettings
from services.mesh.telemetry import traceparent

Logger = structlog.typing.FilteringBoundLogger
"""A logger with `debug`, `info`, `warning`, `error` and `bind`; values go as keyword arguments."""

PERSONAL_FIELDS = frozenset(
    (
        *("phone", "display_name", "person_name", "resident_id", "remark"),
        *("card_number", "digits", "typed", "document_json"),
        *("login_secret", "secret", "password", "partner_secret"),
        *("access_token", "refresh_token", "token", "authorization", "master_key"),
        *("text", "words", "note", "photo", "content", "request", "response", "parameters", "params"),
    )
)
"""Names of values that are not logged, whoever asks for it."""
BLOT = "***"
"""Stands in their place."""

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def start_logging(settings: MeshSettings, service: str) -> None:
    """Sends the process's logs, those of libraries included, to `log_file` or standard output."""
    output = _open(settings.log_file)
    origin = {"service": service, "instance": settings.instance}
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Origin(origin),
        _add_trace,
        blot_out,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=structlog.WriteLoggerFactory(file=output),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(
        handlers=[handler], level=max(logging.WARNING, _LEVELS[settings.log_level]), force=True
    )


def get_logger(name: str) -> Logger:
    """A logger that says where in the code it belongs. Safe to call before `start_logging`."""
    logger: Logger = structlog.get_logger(name=name)
    return logger


class _Origin:
    def __init__(self, origin: dict[str, str]) -> None:
        self._origin = origin

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        event.update(self._origin)
        return event


def blot_out(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hides the values of `PERSONAL_FIELDS`, those within mappings that are logged included."""
    for name, value in event.items():
        if name in PERSONAL_FIELDS:
            event[name] = BLOT
        elif isinstance(value, Mapping):
            event[name] = blot_out(_logger, _method, dict(value))
    return event


def _add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    current = traceparent()
    if current:
        _, event["trace_id"], event["span_id"], _ = current.split("-")
    return event


def _open(path: str | None) -> TextIO:
    if path is None:
        return sys.stdout
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # Line by line, so that nothing is lost when the process is killed. It is open as long as the process.
    return Path(path).open("a", buffering=1, encoding="utf-8")

"""Fixtures that integration tests of every service may use."""

from __future__ import annotations

from tests.integration.postgres_fixtures import (
    postgres_module_url,
    postgres_server,
    postgres_shared_url,
    postgres_url,
    postgres_urls,
)

__all__ = ["postgres_module_url", "postgres_server", "postgres_shared_url", "postgres_url", "postgres_urls"]

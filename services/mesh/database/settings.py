"""The knobs of a service that keeps tables."""

from __future__ import annotations

from pydantic import Field

from services.mesh.settings import MeshSettings


class DatabaseSettings(MeshSettings):
    """`MeshSettings` and the bounds of `Database`. Where the tables are is `database_url`."""

    database_units_per_commit_max: int = Field(default=256, ge=1, le=10_000)
    """Most units of work in one transaction."""
    database_queue_units_max: int = Field(default=8_192, ge=1, le=1_000_000)
    """Most units of work that wait for a commit; more are refused."""
    database_readers: int = Field(default=2, ge=1, le=64)
    """Threads, and connections, that read."""
    database_reads_max: int = Field(default=4_096, ge=1, le=1_000_000)
    """Most reads that wait or run; more are refused."""
    database_attempts_max: int = Field(default=6, ge=1, le=100)
    """Attempts of a unit of work that meets conflicts or a silent database, the first included."""
    database_busy_timeout_ms: int = Field(default=5_000, ge=0, le=600_000)
    """Longest wait for a lock that another process holds, milliseconds."""
    database_mapped_bytes: int = Field(default=0, ge=0, le=1 << 40)
    """Most bytes of a SQLite file that are read through memory, uncopied; they take address space only."""

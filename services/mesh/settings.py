"""Every knob of the mesh, read from environment variables that start with `HONGBAO_`.

A service adds its own knobs by subclassing: `class AllocationSettings(MeshSettings): service = "allocation"`.
A composition root reads them with `load(AllocationSettings)`, which answers a bad value with one clear line.
"""

from __future__ import annotations

import os
import re
import socket
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.mesh.failpoints import read_words
from services.mesh.shards.groups import ShardGroups
from services.mesh.shards.hashing import SHARD_COUNT_MAX


def _split(value: Any) -> Any:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError("must be a power of two")
    return value


def _known_failpoints(words: tuple[str, ...]) -> tuple[str, ...]:
    read_words(words)
    return words


def check_places(groups: ShardGroups) -> None:
    """Raises ValueError for a place where no journal can be."""
    for place in groups.urls():
        if not re.match(r"sqlite:.|postgres(ql)?://", place):
            raise ValueError("a journal's address is sqlite:<folder> or postgresql://...")


def _readable_groups(url: str) -> str:
    check_places(ShardGroups.parse(url))
    return url


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A list that the environment gives as words between commas."""
Failpoints = Annotated[Words, AfterValidator(_known_failpoints)]
"""Places at which a process of a test dies."""
JournalUrl = Annotated[str, AfterValidator(_readable_groups)]
"""Where journals are, for all shards or for groups of them."""
ShardCount = Annotated[int, Field(ge=1, le=SHARD_COUNT_MAX), AfterValidator(_power_of_two)]
"""A number of shards: a power of two, so that a coarser cut of the same key space is a prefix of its bits."""


class MeshSettings(BaseSettings):
    """What every service of the mesh can be told. Values never change after start."""

    model_config = SettingsConfigDict(
        env_prefix="HONGBAO_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    service: ClassVar[str] = "mesh"
    """Short name of the service: `allocation`. Subclasses set it; it is not a knob."""

    # Who and where.
    instance: str = Field(default="", min_length=1, max_length=120, pattern=r"^[A-Za-z0-9._-]+$")
    """Name of this process, unique in the mesh. Default: service, host name and process id."""
    listen_host: str = "127.0.0.1"
    """Address to listen on."""
    listen_port: int = Field(default=0, ge=0, le=65535)
    """Port to listen on; 0 takes any free one."""
    advertise_host: str | None = None
    """Host that others reach this process at. Default: `listen_host`, or the host name for a wildcard."""
    service_addresses: Words = ()
    """Fixed addresses, as `identity=127.0.0.1:7001`, for a mesh that runs without etcd."""

    # Coordination.
    etcd_endpoints: Words = ("127.0.0.1:2379",)
    """Addresses of etcd's members."""
    etcd_user: str | None = None
    """Name to sign in to etcd with; it needs a password."""
    etcd_password: str | None = Field(default=None, repr=False)
    """Password of `etcd_user`."""
    etcd_ca_file: str | None = None
    """Certificate authority that etcd's certificates are checked against; TLS is used when set."""
    etcd_cert_file: str | None = None
    """This process's certificate, where etcd asks for one."""
    etcd_key_file: str | None = None
    """The key of `etcd_cert_file`."""
    lease_ttl_s: int = Field(default=3, ge=1, le=60)
    """Seconds after which a silent owner loses its shards."""

    # What must last.
    journal_url: JournalUrl = "sqlite:.hongbao/data"
    """Where journals are: `sqlite:<folder>` or `postgresql://...`, or one of these for each group of shards,
    as `0-1=postgresql://a/x,2-3=postgresql://b/y`."""
    database_url: str = "sqlite:.hongbao/data"
    """Where identity, social and projections keep their tables: `sqlite:<folder>` or `postgresql://...`."""
    journal_batch_entries_max: int = Field(default=4096, ge=1, le=65_536)
    """Most entries in one group commit."""
    journal_queue_entries_max: int = Field(default=65_536, ge=1, le=1_048_576)
    """Most entries that wait for a commit, per shard; more are refused."""
    journal_batch_bytes_max: int = Field(default=4 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Most payload in one group commit, bytes; a single larger call is committed alone."""
    journal_queue_bytes_max: int = Field(default=64 * 1024 * 1024, ge=1024, le=1024 * 1024 * 1024)
    """Most payload that waits for a commit, bytes, per shard; more is refused."""
    journal_busy_ms: int = Field(default=2_000, ge=1, le=60_000)
    """Longest wait for another process that is writing to the same journal, milliseconds."""
    journal_takeover_ms: int = Field(default=500, ge=1, le=60_000)
    """How long a new owner waits for a SQLite commit of the last one, which may be frozen, milliseconds."""
    journal_poll_ms: int = Field(default=50, ge=1, le=60_000)
    """How often a reader looks whether another process has written, milliseconds."""
    journal_connections_max: int = Field(default=8, ge=1, le=1_000)
    """Most connections of one process to a journal database, and most threads that read SQLite journals."""
    snapshot_every_records: int = Field(default=20_000, ge=1, le=10_000_000)
    """Records of a shard between two snapshots."""
    feed_batch_records: int = Field(default=512, ge=1, le=10_000)
    """Most records that a feed delivers, and a consumer commits, at once."""
    feed_poll_ms: int = Field(default=500, ge=1, le=60_000)
    """Longest wait of a feed for a new record before it looks again, milliseconds."""
    feed_pause_ms: int = Field(default=100, ge=0, le=1_000)
    """Records gather for so long after a message of a feed that left nothing, milliseconds; 0: not at all."""
    replay_batch_records: int = Field(default=1_000, ge=1, le=100_000)
    """Records that recovery reads at once."""
    shard_threads: int = Field(default=2, ge=0, le=64)
    """Threads that rebuild shards which callers wait for, as many that load ahead, and as many that write
    snapshots; 0: the event loop does it all, as in simulations."""
    shard_undurable_records_max: int = Field(default=16_384, ge=1, le=1_048_576)
    """Most decisions of a shard that wait for the disk; more are refused."""
    shard_undurable_bytes_max: int = Field(default=32 * 1024 * 1024, ge=1024, le=1024 * 1024 * 1024)
    """Most payload of a shard that waits for the disk, bytes; more is refused."""
    shard_tail_records_max: int = Field(default=4_096, ge=0, le=1_048_576)
    """Newest records of a shard that are kept in memory for its feed."""
    shard_tail_bytes_max: int = Field(default=4 * 1024 * 1024, ge=0, le=1024 * 1024 * 1024)
    """Payload of those records at most, bytes."""
    shard_tasks_max: int = Field(default=64, ge=1, le=10_000)
    """Most background tasks of one shard."""
    shard_take_s: float = Field(default=60, ge=1, le=3_600)
    """Longest time that an owner loads a shard's state before it begins anew, seconds."""
    shard_warm_s: float = Field(default=10, ge=0, le=600)
    """Longest time that an owner serves on while the next one loads a shard's state ahead, seconds."""
    shard_takes_max: int = Field(default=3, ge=1, le=1_000)
    """Times in a row that an instance fails to load a shard before it asks for another owner."""
    shard_refuse_s: float = Field(default=60, ge=1, le=86_400)
    """How long it is then spared that shard, seconds."""
    shard_give_s: float = Field(default=10, ge=0.1, le=600)
    """Longest time that an owner who hands a shard over flushes it before it drops it, seconds."""

    # Shards: fixed when a campaign is created.
    allocation_shards: ShardCount = 8
    """Shards of allocation."""
    cards_shards: ShardCount = 4
    """Shards of cards."""
    settlement_shards: ShardCount = 4
    """Shards of settlement; no more than of allocation or cards, so that each of theirs feeds exactly one."""

    # Calls.
    deadline_default_ms: int = Field(default=2_000, ge=10, le=600_000)
    """Time that a unary call gets when nobody said, milliseconds."""
    deadline_min_ms: int = Field(default=5, ge=0, le=10_000)
    """Calls that arrive with less time left are refused, milliseconds."""
    deadline_shave_ms: int = Field(default=5, ge=0, le=10_000)
    """What a service keeps for itself of the time that it passes on, milliseconds."""
    message_bytes_max: int = Field(default=4 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024)
    """Largest message, bytes, both ways."""
    repeated_requests_max: int = Field(default=4_096, ge=1, le=1_000_000)
    """Requests kept for each method that gets the same ones over and over; about 400 bytes each."""
    concurrent_rpcs_max: int = Field(default=4096, ge=1, le=1_000_000)
    """Calls that a server works on at once; more are refused with RESOURCE_EXHAUSTED."""
    retry_attempts_max: int = Field(default=4, ge=2, le=5)
    """Attempts of a call that meets UNAVAILABLE, the first included. gRPC allows at most 5."""
    channels_max: int = Field(default=256, ge=1, le=10_000)
    """Connections to other processes that are kept; the one unused longest makes room."""
    keepalive_ms: int = Field(default=10_000, ge=1_000, le=7_200_000)
    """Silence on a connection before the other side is asked whether it lives, milliseconds."""
    keepalive_timeout_ms: int = Field(default=3_000, ge=100, le=60_000)
    """Time for that answer before the connection is given up, milliseconds."""
    backoff_ms_min: int = Field(default=20, ge=1, le=60_000)
    """First pause of every bounded backoff, milliseconds."""
    backoff_ms_max: int = Field(default=1_000, ge=1, le=600_000)
    """Longest pause of every bounded backoff, milliseconds."""

    help_url: str = Field(default="", max_length=500, pattern=r"^(https?://\S+)?$")
    """Page that tells people more about an error, such as `https://help.example.com/{domain}/{reason}`: the
    names in braces are filled in. Empty: errors carry no Help."""

    # Stopping.
    drain_s: float = Field(default=2.0, ge=0, le=600)
    """Seconds of serving on after NOT_SERVING is announced."""
    stop_grace_s: float = Field(default=5.0, ge=0, le=600)
    """Seconds that other owners get to take over shards, and then running calls when the server closes."""

    # Being tested.
    failpoints: Failpoints = ()
    """Places at which this process kills itself, as `claim.recorded=kill`; listed in mesh/failpoints.py."""
    failpoints_allowed: bool = False
    """Whether this process may be told to kill itself; nothing but a test ever allows it."""

    # Being observed.
    trace_sample_ratio: float = Field(default=0.01, ge=0, le=1)
    """Share of requests that are traced, decided where a request enters the mesh."""
    trace_file: str | None = None
    """File that finished sampled spans are appended to, as JSON lines."""
    trace_queue_spans_max: int = Field(default=16_384, ge=512, le=1_048_576)
    """Finished spans that wait for export; more are dropped."""
    otlp_endpoint: str | None = None
    """OTLP gRPC address that spans are sent to, such as `http://127.0.0.1:4317`."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of the Prometheus exposition; 0 takes any free one; unset exposes nothing."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important logs that are written."""
    log_file: str | None = None
    """File that logs are appended to. Default: standard output."""

    @model_validator(mode="before")
    @classmethod
    def _name_the_instance(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("instance"):
            return {**values, "instance": f"{cls.service}-{socket.gethostname()}-{os.getpid()}"}
        return values

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        # A shard of allocation or cards must feed exactly one of settlement: counts divide only this way.
        if self.settlement_shards > min(self.allocation_shards, self.cards_shards):
            raise ValueError(
                "HONGBAO_SETTLEMENT_SHARDS must not exceed HONGBAO_ALLOCATION_SHARDS or HONGBAO_CARDS_SHARDS"
            )
        own_shards: int | None = getattr(self, f"{self.service}_shards", None)
        if own_shards is not None:
            _check_all_in(self.journal_url, own_shards)
        if self.failpoints and not self.failpoints_allowed:
            raise ValueError("HONGBAO_FAILPOINTS kills the process: it needs HONGBAO_FAILPOINTS_ALLOWED=1")
        if self.backoff_ms_min > self.backoff_ms_max:
            raise ValueError("HONGBAO_BACKOFF_MS_MIN must not exceed HONGBAO_BACKOFF_MS_MAX")
        return self


def _check_all_in(journal_url: str, shard_count: int) -> None:
    try:
        ShardGroups.parse(journal_url).check_all_in(shard_count)
    except ValueError as failure:
        raise ValueError(f"HONGBAO_JOURNAL_URL: {failure}") from None


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def load(kind: type[SettingsT]) -> SettingsT:
    """Reads settings from the environment.

    Raises SystemExit(2) after one line for each bad variable on standard error, naming it.
    """
    try:
        return kind()
    except ValidationError as failure:
        for line in complaints(kind, failure):
            os.write(2, f"{line}\n".encode())
        raise SystemExit(2) from None


def complaints(kind: type[BaseSettings], failure: ValidationError) -> list[str]:
    """Says what is wrong with settings, one line for each variable. Values are left out: some are secret."""
    prefix = str(kind.model_config.get("env_prefix", ""))
    lines = []
    for error in failure.errors(include_input=False, include_url=False):
        reason = error["msg"].removeprefix("Value error, ")
        name = str(error["loc"][0]) if error["loc"] else ""
        lines.append(f"{(prefix + name).upper()}: {reason}" if name else reason)
    return lines

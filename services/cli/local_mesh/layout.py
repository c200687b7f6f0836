"""What a mesh on one machine consists of: a pure list of processes, their commands and settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path

UNSHARDED = ("identity", "social")
SHARDED = ("settlement", "allocation", "cards")
GATEWAY = "gateway"
BANK_REFUSED_ENDING_FEN = 44
"""The simulated bank refuses withdrawals of amounts that end so: the way to meet a refusal by hand."""
ALL_LANES = ("taps", "people", "sharing", "chat", "money")
"""Kinds of calls that gateways answer."""
NICENESS = {"identity": 2, "social": 3, "cards": 3, "settlement": 4}
"""How far services stand back behind the way of a claim (gateway, allocation, etcd) when the machine is busy,
as nice(1) says. What books what others have decided comes last, for it catches up; but no further than this:
who owns shards must not fall silent. Whoever has a machine for itself needs none of it."""
PROMPT = ("allocation",)
PROMPT_SLICE_US = 100
"""How long the turns on the processor are that those take who are in the way of a claim, the gateway of taps
among them: who takes short turns need not wait until others end theirs."""
_PORTS_APART = 10
"""Between the port of the first gateway and that of the second; the others follow it."""
_LANES = "HONGBAO_GATEWAY_LANES"
_OF_SETTLEMENT = {"HONGBAO_BANK_REFUSED_ENDING_FEN": str(BANK_REFUSED_ENDING_FEN)}


class Half(IntEnum):
    """The processors that a process keeps to, where there are several."""

    NEITHER = 0
    FIRST = 1
    SECOND = 2


@dataclass(frozen=True, slots=True)
class MeshLayout:
    """The choices that shape a local mesh."""

    home: Path
    """Folder of data, logs and traces; everything the mesh writes is below it."""
    allocation_processes: int = 1
    gateway_port: int = 8700
    etcd_port: int = 8701
    etcd_peer_port: int = 8702
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings (`HONGBAO_*`) that every service gets on top of the ones below."""
    gateway_environment: Mapping[str, str] = field(default_factory=dict)
    """Settings that gateways alone get on top of those."""
    gateways: Sequence[Sequence[str]] = (ALL_LANES,)
    """The lanes of each gateway. Every lane is in exactly one."""
    standing_back: bool = True
    """Whether processes that are not in the way of a claim let the others run first."""

    @property
    def keeps_apart(self) -> bool:
        """Whether the way of a claim has half of the processors, and everything else the other half.

        So it is with several gateways, on Linux and with more than one processor: who splits them wants a
        round to go on beside a burst, and the other way round. Niceness alone does not do that. A claim wakes
        up some twenty threads one after the other, and whoever is woken waits until another one's turn has
        ended.
        """
        return self.standing_back and len(self.gateways) > 1

    @property
    def data(self) -> Path:
        """Folder of journals, tables and etcd's data."""
        return self.home / "data"

    @property
    def logs(self) -> Path:
        """Folder with one log file for each process."""
        return self.home / "logs"

    @property
    def traces(self) -> Path:
        """Folder with one file of finished spans for each process."""
        return self.home / "traces"

    @property
    def etcd_endpoint(self) -> str:
        """host:port of etcd's client interface."""
        return f"127.0.0.1:{self.etcd_port}"

    @property
    def gateway_ports(self) -> Sequence[int]:
        """Where the gateways listen, in order."""
        more = range(len(self.gateways) - 1)
        return (self.gateway_port, *(self.gateway_port + _PORTS_APART + number for number in more))

    @property
    def lane_addresses(self) -> Mapping[str, str]:
        """host:port that players call, by lane."""
        return {
            lane: f"127.0.0.1:{port}"
            for port, lanes in zip(self.gateway_ports, self.gateways, strict=True)
            for lane in lanes
        }

    @property
    def gateway_address(self) -> str:
        """host:port that players call who tap."""
        return self.lane_addresses["taps"]


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to start."""

    name: str
    """Unique in the mesh, and the instance name that the process joins under."""
    service: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    niceness: int = 0
    """How far it stands back when the machine is busy, 0 to 19."""
    slice_us: int = 0
    """Length of its turns on the processor, microseconds; 0: what the system gives everybody."""
    half: Half = Half.NEITHER
    """Which of the processors it keeps to."""

    @property
    def answers(self) -> tuple[str, str]:
        """What it answers: its service, and for gateways their lanes."""
        return self.service, self.environment.get(_LANES, "")


def service_processes(layout: MeshLayout) -> list[ProcessSpec]:
    """The processes of all services, in the order to start them: whom others lean on comes first."""
    specs = [_service(layout, service, service) for service in UNSHARDED]
    for service in SHARDED:
        count = layout.allocation_processes if service == "allocation" else 1
        names = [service] if count == 1 else [f"{service}-{number}" for number in range(1, count + 1)]
        extra = _OF_SETTLEMENT if service == "settlement" else {}
        specs += [_service(layout, service, name, **extra) for name in names]
    specs += _gateways(layout)
    if not layout.keeps_apart:
        return specs
    return [replace(spec, half=Half.FIRST if spec.slice_us else Half.SECOND) for spec in specs]


def _gateways(layout: MeshLayout) -> list[ProcessSpec]:
    specs = []
    for port, lanes in zip(layout.gateway_ports, layout.gateways, strict=True):
        name = GATEWAY if "taps" in lanes else f"{GATEWAY}-{'-'.join(lanes)}"
        settings = {"HONGBAO_LISTEN_PORT": str(port), _LANES: ",".join(lanes)}
        specs.append(_service(layout, GATEWAY, name, **settings, **layout.gateway_environment))
        if layout.standing_back and "taps" in lanes:
            specs[-1] = replace(specs[-1], slice_us=PROMPT_SLICE_US)
    return specs


def _service(layout: MeshLayout, service: str, name: str, **extra: str) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        service=service,
        command=(sys.executable, "-m", f"services.{service}"),
        environment={
            "HONGBAO_INSTANCE": name,
            "HONGBAO_LISTEN_HOST": "127.0.0.1",
            "HONGBAO_ETCD_ENDPOINTS": layout.etcd_endpoint,
            "HONGBAO_JOURNAL_URL": f"sqlite:{layout.data}",
            "HONGBAO_DATABASE_URL": f"sqlite:{layout.data}",
            "HONGBAO_TRACE_FILE": str(layout.traces / f"{name}.jsonl"),
            "HONGBAO_DRAIN_S": "0.2",
            **layout.environment,
            **extra,
        },
        log_file=layout.logs / f"{name}.log",
        niceness=NICENESS.get(service, 0) if layout.standing_back else 0,
        slice_us=PROMPT_SLICE_US if layout.standing_back and service in PROMPT else 0,
    )

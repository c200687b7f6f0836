"""The etcd of a local mesh: one member, with its data under the mesh's home."""

from __future__ import annotations

from services.cli.local_mesh.layout import MeshLayout, ProcessSpec
from services.cli.local_mesh.process import ProcessFailed
from services.mesh.etcd.process import EtcdMember, EtcdNotFound, etcd_command, find_etcd

ETCD = "etcd"


def etcd_process(layout: MeshLayout) -> ProcessSpec:
    """The process that keeps who owns which shard. Raises `ProcessFailed` when the machine has no etcd."""
    try:
        binary = find_etcd()
    except EtcdNotFound as missing:
        raise ProcessFailed(
            f"etcd is missing ({missing}); put an etcd 3.5 or newer on PATH", process=ETCD
        ) from missing
    member = EtcdMember(
        name="hongbao",
        data_folder=layout.data / ETCD,
        client_port=layout.etcd_port,
        peer_port=layout.etcd_peer_port,
    )
    return ProcessSpec(
        name=ETCD,
        service=ETCD,
        command=etcd_command(binary, member),
        environment={},
        log_file=layout.logs / f"{ETCD}.log",
    )

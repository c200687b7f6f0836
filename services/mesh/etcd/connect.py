"""The one place where settings become a connection to etcd."""

from __future__ import annotations

from pathlib import Path

from services.mesh.clock import Clock
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.transport import EtcdLimits, EtcdTls
from services.mesh.settings import MeshSettings


def connect(settings: MeshSettings, clock: Clock) -> EtcdClient | None:
    """A client of the cluster that the settings name; None when they name none, for a mesh without etcd.

    Nothing is sent before the first call.
    """
    if not settings.etcd_endpoints:
        return None
    return EtcdClient(
        settings.etcd_endpoints,
        user=settings.etcd_user,
        password=settings.etcd_password,
        tls=_tls(settings),
        clock=clock,
        limits=EtcdLimits(backoff_ms_min=settings.backoff_ms_min, backoff_ms_max=settings.backoff_ms_max),
    )


def _tls(settings: MeshSettings) -> EtcdTls | None:
    if settings.etcd_ca_file is None:
        return None
    return EtcdTls(
        ca_file=Path(settings.etcd_ca_file),
        cert_file=_path(settings.etcd_cert_file),
        key_file=_path(settings.etcd_key_file),
    )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)

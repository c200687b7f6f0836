"""Reads a kustomization as kustomize would, as far as these manifests use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]


def resources_of(folder: Path) -> list[Manifest]:
    """All manifests of a kustomization and of those it builds on, generated Secrets included."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    found: list[Manifest] = []
    for name in kustomization["resources"]:
        path = folder / name
        found += resources_of(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for secret in kustomization.get("secretGenerator", []):
        literals = dict(literal.split("=", 1) for literal in secret["literals"])
        found.append(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": secret["name"]},
                "stringData": literals,
            }
        )
    return found


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The manifests of one kind, by name."""
    return {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == kind}


def containers_of(workload: Manifest) -> list[Manifest]:
    """The containers of a Deployment or StatefulSet."""
    containers: list[Manifest] = workload["spec"]["template"]["spec"]["containers"]
    return containers

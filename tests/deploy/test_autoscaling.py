"""The scaler reads what allocation really shows, and stays within what the settings allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.allocation.metrics import shown_allocation
from services.mesh.metrics import REGISTRY
from services.mesh.settings import MeshSettings
from services.mesh.shards.metrics import shown_host
from tests.deploy.manifests import containers_of, of_kind, resources_of
from tests.integration.allocation_mesh import memory_mesh

KUBERNETES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
AUTOSCALING = KUBERNETES / "components" / "autoscaling"


def test_the_scaler_scales_the_deployment_of_allocation_and_alone_says_how_many() -> None:
    component = yaml.safe_load((AUTOSCALING / "kustomization.yaml").read_text())
    (patch,) = component["patches"]
    operations = {(step["op"], step["path"]): step for step in yaml.safe_load(patch["patch"])}
    target = scaler()["scaleTargetRef"]
    deployment = of_kind(resources_of(BASE), "Deployment")[target["name"]]
    assert patch["target"] == {"kind": target["kind"], "name": target["name"]}
    assert ("remove", "/spec/replicas") in operations
    assert "replicas" in deployment["spec"]
    annotations = operations["add", "/spec/template/metadata/annotations"]["value"]
    (container,) = containers_of(deployment)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert annotations["prometheus.io/port"] == str(ports["metrics"])


async def test_every_metric_that_the_scaler_reads_is_shown_by_a_process() -> None:
    async with memory_mesh() as mesh:
        allocation = mesh.instances["a"]
        with shown_host(allocation.host), shown_allocation(allocation.host, allocation.figures):
            shown = {sample.name for metric in REGISTRY.collect() for sample in metric.samples}
    rules = metric_rules()
    assert {rule["seriesQuery"].partition("{")[0] for rule in rules} <= shown
    wanted = {metric["pods"]["metric"]["name"] for metric in scaler()["metrics"] if metric["type"] == "Pods"}
    assert wanted
    assert wanted <= {rule["name"]["as"] for rule in rules}


def test_there_are_never_more_processes_than_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in of_kind(resources_of(BASE), "ConfigMap")["mesh-settings"]["data"].items():
        monkeypatch.setenv(name, value)
    assert 1 < scaler()["minReplicas"] < scaler()["maxReplicas"] <= MeshSettings().allocation_shards


def scaler() -> dict[str, Any]:
    """What the scaler is told."""
    specification: dict[str, Any] = of_kind(resources_of(AUTOSCALING), "HorizontalPodAutoscaler")[
        "allocation"
    ]["spec"]
    return specification


def metric_rules() -> list[dict[str, Any]]:
    """How Prometheus' numbers become metrics of pods."""
    kept = of_kind(resources_of(AUTOSCALING), "ConfigMap")["allocation-metrics-rules"]
    rules: list[dict[str, Any]] = yaml.safe_load(kept["data"]["rules.yaml"])["rules"]
    return rules

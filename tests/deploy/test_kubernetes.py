from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from kubernetes_validate.utils import validate

from services.mesh.settings import MeshSettings
from tests.deploy.manifests import Manifest, containers_of, of_kind, resources_of

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
AUTOSCALING = KUBERNETES / "components" / "autoscaling"
LANES = KUBERNETES / "components" / "lanes"
LOCAL = KUBERNETES / "overlays" / "local"
SERVICES = ("allocation", "cards", "gateway", "identity", "settlement", "social")


@pytest.mark.parametrize("folder", [BASE, LOCAL, AUTOSCALING, LANES], ids=lambda folder: folder.name)
def test_every_manifest_is_valid(folder: Path) -> None:
    manifests = resources_of(folder)
    assert manifests
    for manifest in manifests:
        validate(manifest, "1.33", strict=True)


def test_every_manifest_file_is_part_of_its_kustomization() -> None:
    for folder in (BASE, LOCAL, AUTOSCALING, LANES):
        listed = (folder / "kustomization.yaml").read_text()
        for file in folder.glob("*.yaml"):
            assert file.name == "kustomization.yaml" or f"- {file.name}" in listed


def test_every_service_runs_as_its_own_deployment() -> None:
    deployments = of_kind(resources_of(BASE), "Deployment")
    assert sorted(deployments) == sorted(SERVICES)
    for name, deployment in deployments.items():
        (container,) = containers_of(deployment)
        assert container["args"] == [f"services.{name}"]
        assert importlib.util.find_spec(f"services.{name}.__main__") is not None


def test_every_setting_that_a_manifest_names_exists() -> None:
    manifests = resources_of(BASE)
    shared = of_kind(manifests, "ConfigMap")["mesh-settings"]["data"]
    assert {f"HONGBAO_{name.upper()}" for name in MeshSettings.model_fields} >= set(shared)
    for name, deployment in of_kind(manifests, "Deployment").items():
        settings = importlib.import_module(f"services.{name}.settings")
        fields = {field for kind in vars(settings).values() for field in getattr(kind, "model_fields", ())}
        known = {f"HONGBAO_{field.upper()}" for field in fields}
        for variable in containers_of(deployment)[0].get("env", []):
            assert variable["name"] in known, f"{name} does not read {variable['name']}"


def test_the_settings_of_the_cluster_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: dict[str, str] = of_kind(resources_of(BASE), "ConfigMap")["mesh-settings"]["data"]
    for name, value in shared.items():
        monkeypatch.setenv(name, value)
    settings = MeshSettings()
    assert len(settings.etcd_endpoints) == 3
    assert settings.allocation_shards == int(shared["HONGBAO_ALLOCATION_SHARDS"])


def test_every_secret_that_is_asked_for_is_given_by_the_local_overlay() -> None:
    manifests = resources_of(LOCAL)
    secrets = of_kind(manifests, "Secret")
    asked = [reference for workload in _workloads(manifests) for reference in _secret_references(workload)]
    assert asked
    for name, key in asked:
        assert key in secrets[name]["stringData"]


def test_a_pod_has_longer_to_end_than_its_settings_take(monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = resources_of(BASE)
    for name, value in of_kind(manifests, "ConfigMap")["mesh-settings"]["data"].items():
        monkeypatch.setenv(name, value)
    settings = MeshSettings()
    # Shards are handed over within one grace, each within its own time; then calls get the grace to end.
    needed_s = settings.drain_s + settings.stop_grace_s + settings.shard_give_s + settings.stop_grace_s
    for deployment in of_kind(manifests, "Deployment").values():
        assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > needed_s


def test_etcd_is_new_enough_for_production() -> None:
    (container,) = containers_of(of_kind(resources_of(BASE), "StatefulSet")["etcd"])
    version = container["image"].rpartition(":v")[2]
    assert tuple(int(part) for part in version.split(".")) >= (3, 5, 16)


def _workloads(manifests: list[Manifest]) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in {"Deployment", "StatefulSet"}]


def _secret_references(workload: Manifest) -> list[tuple[str, str]]:
    """Those without which the workload does not start."""
    references = [
        variable["valueFrom"]["secretKeyRef"]
        for container in containers_of(workload)
        for variable in container.get("env", [])
        if "secretKeyRef" in variable.get("valueFrom", {})
    ]
    return [(wanted["name"], wanted["key"]) for wanted in references if not wanted.get("optional")]

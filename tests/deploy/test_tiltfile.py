from __future__ import annotations

from pathlib import Path
from typing import Any

import starlark

from tests.deploy.manifests import resources_of

ROOT = Path(__file__).resolve().parents[2]


def test_the_tiltfile_builds_one_image_and_names_only_what_its_manifests_have() -> None:
    calls = run_tiltfile()
    (image,) = calls["docker_build"]
    assert image["positional"] == ("hongbao", ".")
    assert (ROOT / image["dockerfile"]).is_file()
    for path in image["only"]:
        assert (ROOT / path).exists()
    (manifests,) = (call["positional"][0] for call in calls["k8s_yaml"])
    workloads = {
        manifest["metadata"]["name"]
        for manifest in resources_of(ROOT / manifests)
        if manifest["kind"] in {"Deployment", "StatefulSet"}
    }
    named = {call["positional"][0]: call for call in calls["k8s_resource"]}
    assert set(named) == workloads
    for call in named.values():
        assert set(call.get("resource_deps", ())) <= workloads


def run_tiltfile() -> dict[str, list[dict[str, Any]]]:
    """Runs the Tiltfile as Starlark against stand-ins of Tilt's builtins, and returns the calls it made."""
    calls: dict[str, list[dict[str, Any]]] = {}

    def recorder(name: str) -> Any:
        def record(*positional: Any, **named: Any) -> None:
            calls.setdefault(name, []).append({"positional": positional, **named})

        return record

    module = starlark.Module()
    for name in ("docker_build", "k8s_yaml", "k8s_resource"):
        module.add_callable(name, recorder(name))
    module.add_callable("kustomize", lambda folder: folder)
    program = starlark.parse("Tiltfile", (ROOT / "Tiltfile").read_text())
    starlark.eval(module, program, starlark.Globals.standard())
    return calls

"""Gateways of their own for some lanes, and the Ingress that sends each call to who answers it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from services.gateway.domain.lanes import LANES
from tests.deploy.manifests import Manifest, containers_of, of_kind, resources_of

COMPONENT = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes" / "components" / "lanes"
REST = "gateway"


def test_every_lane_is_answered_by_one_deployment() -> None:
    answered = [lane for lanes in _lanes_of_deployments().values() for lane in lanes]
    assert sorted(answered) == sorted(LANES)


def test_every_call_goes_to_the_deployment_that_answers_it() -> None:
    ingress = of_kind(resources_of(COMPONENT), "Ingress")["gateway"]
    (rule,) = ingress["spec"]["rules"]
    backends = {path["path"]: path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
    assert backends.pop("/") == REST
    lanes_of = _lanes_of_deployments()
    expected = {
        f"/hongbao.gateway.v1.{service}": name
        for name, lanes in lanes_of.items()
        for lane in lanes
        for service in LANES[lane]
        if name != REST
    }
    assert backends == expected


def test_gateways_of_their_own_differ_from_the_first_in_nothing_but_their_lanes() -> None:
    base = of_kind(resources_of(COMPONENT.parents[1] / "base"), "Deployment")[REST]
    for name, deployment in of_kind(resources_of(COMPONENT), "Deployment").items():
        like_the_first = json.loads(json.dumps(deployment).replace(f'"{name}"', '"gateway"'))
        (container,) = containers_of(like_the_first)
        container["env"] = [one for one in container["env"] if one["name"] != "HONGBAO_GATEWAY_LANES"]
        container["resources"]["requests"]["cpu"] = "1"
        assert like_the_first == base


def _lanes_of_deployments() -> dict[str, list[str]]:
    kustomization = yaml.safe_load((COMPONENT / "kustomization.yaml").read_text())
    (patch,) = kustomization["patches"]
    (operation,) = yaml.safe_load(patch["patch"])
    assert patch["target"] == {"kind": "Deployment", "name": REST}
    assert operation["path"] == "/spec/template/spec/containers/0/env/-"
    found = {REST: _lanes([operation["value"]])}
    for name, deployment in of_kind(resources_of(COMPONENT), "Deployment").items():
        found[name] = _lanes(containers_of(deployment)[0]["env"])
    return found


def _lanes(environment: list[Manifest]) -> list[str]:
    values: list[Any] = [one["value"] for one in environment if one["name"] == "HONGBAO_GATEWAY_LANES"]
    (value,) = values
    return str(value).split(",")

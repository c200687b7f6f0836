from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool

from services.mesh import callgraph
from services.mesh.callgraph import CALLS, OPERATOR, PLAYER, allowed, edges, mermaid, service_of

CONTRACTS = Path(__file__).parents[3] / "protos" / "hongbao"
SERVICES = {"allocation", "cards", "gateway", "identity", "settlement", "social"}


@pytest.fixture(scope="module", autouse=True)
def _all_contracts() -> None:
    for path in sorted(CONTRACTS.glob("*/v1/*.proto")):
        importlib.import_module(f"hongbao.{path.parts[-3]}.v1.{path.stem}_pb2")


@pytest.mark.parametrize("method", sorted({method for _, method in CALLS}))
def test_every_method_in_the_table_is_in_a_contract(method: str) -> None:
    service, _, name = method.rpartition("/")

    methods = descriptor_pool.Default().FindServiceByName(service).methods_by_name

    assert name == "*" or name in methods


def test_every_caller_is_a_service_or_a_person() -> None:
    assert {caller for caller, _ in CALLS} <= SERVICES | {PLAYER, OPERATOR}


def test_no_edge_is_said_twice() -> None:
    spelt_out = [(caller, method) for caller, method in CALLS if not method.endswith("/*")]

    covered = [edge for edge in spelt_out if (edge[0], f"{edge[1].rpartition('/')[0]}/*") in CALLS]

    assert covered == []
    assert len(callgraph._TABLE) == len(CALLS)


def test_players_only_reach_the_gateway() -> None:
    assert {service for caller, service in edges() if caller == PLAYER} == {"gateway"}


@pytest.mark.parametrize(
    ("caller", "method", "expected"),
    [
        (PLAYER, "hongbao.gateway.v1.TapService/Tap", True),
        (PLAYER, "hongbao.gateway.v1.OperatorService/GetGatewayFigures", False),
        (PLAYER, "hongbao.settlement.v1.SettlementService/Deposit", False),
        ("gateway", "hongbao.allocation.v1.ClaimService/ClaimBatch", True),
        ("gateway", "hongbao.allocation.v1.StockService/CloseStock", False),
        ("", "hongbao.gateway.v1.TapService/Tap", False),
    ],
)
def test_a_call_is_allowed_exactly_when_the_table_has_it(caller: str, method: str, *, expected: bool) -> None:
    assert allowed(caller, method) is expected


def test_the_diagram_shows_every_edge_between_services() -> None:
    drawn = {tuple(line.split(" --> ")) for line in mermaid().splitlines()[1:]}

    assert {(caller.strip(), service) for caller, service in drawn} == {
        edge for edge in edges() if OPERATOR not in edge
    }
    assert service_of("hongbao.cards.v1.CardsService/GetGame") == "cards"

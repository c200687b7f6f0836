from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool

from services.mesh import callgraph
from services.mesh.callgraph import CALLS, OPERATOR, PARTNER, PLAYER, allowed, edges, mermaid, service_of

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "protos" / "hongbao"
# As in `cards -->|holds| settlement`; the shape of a node, as in `operator([operator])`, is skipped.
ARROW = re.compile(r"^ *([\w& ]+?)(?:\(\[.*?\]\))? (-->|==>|-\.->)(?:\|[^|]*\|)? ([\w& ]+)$", re.MULTILINE)
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
    assert {caller for caller, _ in CALLS} <= SERVICES | {PLAYER, OPERATOR, PARTNER}


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


def test_the_meshs_readme_shows_the_diagram_of_the_table() -> None:
    assert _diagram(ROOT / "services" / "mesh" / "README.md") == mermaid()


def test_the_picture_of_the_mesh_has_every_edge_of_the_table_and_no_other() -> None:
    drawn = set(_picture(_diagram(ROOT / "README.md")))

    assert drawn == {(caller, service) for caller, service in edges() if caller != service}


def _diagram(readme: Path) -> str:
    return readme.read_text(encoding="utf-8").partition("```mermaid\n")[2].partition("\n```")[0]


def _picture(diagram: str) -> Iterator[tuple[str, str]]:
    """(caller, service) of each arrow. A feed (`==>`) is drawn the way its records go, to its caller."""
    for tails, arrow, heads in ARROW.findall(diagram):
        for tail, head in product(tails.split(" & "), heads.split(" & ")):
            yield (head, tail) if arrow == "==>" else (tail, head)

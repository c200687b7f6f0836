"""The plan file of a card game: protobuf's JSON of a `SupplyPlan`, as `hongbao cards plan` writes it."""

from __future__ import annotations

import json
from pathlib import Path

from google.protobuf import json_format

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as events
from services.cards.contract import supply_from_contract
from services.cli.console import Refusal
from services.mesh.interceptors.validation import broken_rules
from services.mesh.timestamps import milliseconds

_PLAN_BYTES_MAX = 1 << 20
"""Largest file that is read as a plan."""
_MISTAKES_MAX = 20
"""Most mistakes that are named at once."""
_MISTAKE_LETTERS_MAX = 300
"""Of a mistake that quotes the file so much is shown."""
_FIELD = "supply"
"""What the contract calls the plan in an order."""


def read_plan(path: Path) -> events.SupplyPlan:
    """The plan in a file. Raises `Refusal`, which says what is wrong with it."""
    try:
        with path.open("rb") as file:
            text = file.read(_PLAN_BYTES_MAX + 1)
    except OSError as failure:
        raise Refusal(f"{path} cannot be read: {(failure.strerror or str(failure)).lower()}") from failure
    if len(text) > _PLAN_BYTES_MAX:
        raise Refusal(f"{path} is no plan: it is larger than {_PLAN_BYTES_MAX >> 20} MiB")
    try:
        # A list without elements and a text would pass for a plan in which nothing is said.
        if not isinstance(json.loads(text), dict):
            raise Refusal(f"{path} is no plan: it is not a JSON object")
        return json_format.Parse(text, events.SupplyPlan())
    except (ValueError, RecursionError, json_format.ParseError) as failure:
        raise Refusal(f"{path} is no plan: {_one_line(failure)}") from failure


def check_order(order: cards.CreateGameRequest, path: Path) -> None:
    """Raises `Refusal`, which names every rule of the contract that an order breaks."""
    broken = broken_rules(order) or _contradiction(order)
    of_plan = [(field, wrong) for field, wrong in broken if field.partition(".")[0] == _FIELD]
    if of_plan:
        mistakes = [_mistake(field.removeprefix(_FIELD).lstrip("."), wrong) for field, wrong in of_plan]
        more = len(mistakes) - _MISTAKES_MAX
        named = "; ".join(mistakes[:_MISTAKES_MAX])
        raise Refusal(f"{path} is no plan for a game: {named}{f'; and {more} more' if more > 0 else ''}")
    if broken:
        raise Refusal("; ".join(_mistake(field, wrong) for field, wrong in broken))


def _contradiction(order: cards.CreateGameRequest) -> list[tuple[str, str]]:
    """What a plan says against itself or its game, where each of its fields is as it may be."""
    window_ms = milliseconds(order.deadline) - milliseconds(order.opens_at)
    problem = supply_from_contract(order.supply).problem(window_ms)
    return [] if problem is None else [(f"{_FIELD}.{problem[0]}", problem[1])]


def _mistake(field: str, wrong: str) -> str:
    return f"{field}: {wrong}" if field else wrong


def _one_line(failure: Exception) -> str:
    if isinstance(failure, RecursionError):
        return "it is nested too deep"
    # Protobuf tells which fields there are after the first line, and quotes what it read, at any length.
    line = str(failure).splitlines()[0].rstrip(".")
    return line if len(line) <= _MISTAKE_LETTERS_MAX else f"{line[:_MISTAKE_LETTERS_MAX]}..."

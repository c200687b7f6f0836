"""No rpc and no error reason without a case, and no rpc that keeps its errors to itself."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.identity.domain.errors import CheckFailed
from services.mesh.callgraph import PLAYER, allowed
from services.mesh.errors import ServiceError
from services.mesh.interceptors.errors import Reader, from_status, to_status
from services.mesh.language import Language
from tests.contract.case import load_cases
from tests.contract.contracts import reasons, rpcs

UNPROVOKED = Path(__file__).parent / "unprovoked.yaml"
_LISTED = re.compile(r"\b[A-Z_]{5,} \(([A-Z][A-Z_]+(?:, [A-Z][A-Z_]+)*)(?:, domain [a-z.]+)?\)")


def test_every_rpc_has_a_case_that_succeeds() -> None:
    assert sorted(set(rpcs()) - {case.call.rpc for case in load_cases() if case.call.error is None}) == []


def test_every_error_reason_has_a_case_or_says_why_not() -> None:
    assert sorted(reasons() - _provoked() - set(_unprovoked())) == []


def test_reasons_said_to_be_unprovoked_exist_have_no_case_and_say_why() -> None:
    excused = _unprovoked()
    assert sorted(set(excused) - reasons()) == []
    assert sorted(set(excused) & _provoked()) == []
    assert all(why.strip() for why in excused.values())


def test_every_error_of_a_case_is_in_a_contract() -> None:
    assert sorted(_provoked() - reasons()) == []


def test_every_rpc_lists_its_errors_or_says_that_it_has_none(comments: dict[str, str]) -> None:
    silent = [
        name for name in rpcs() if not _listed(comments[name]) and "none of its own" not in comments[name]
    ]
    assert sorted(silent) == []


def test_the_errors_that_rpcs_list_are_in_contracts(comments: dict[str, str]) -> None:
    known = {reason for _, reason in reasons()}
    strange = {(name, reason) for name in rpcs() for reason in _listed(comments[name]) if reason not in known}
    assert sorted(strange) == []


def test_every_error_that_a_case_provokes_is_listed_by_its_rpc(comments: dict[str, str]) -> None:
    missing = {
        (case.call.rpc, case.call.error.reason)
        for case in load_cases()
        if case.call.error is not None
        and case.call.error.domain != "hongbao.mesh"  # Any rpc may answer with those.
        and case.call.error.reason not in _listed(comments[case.call.rpc])
    }
    assert sorted(missing) == []


@pytest.mark.parametrize("language", Language)
def test_players_are_told_in_their_language_what_their_rpcs_answer(
    comments: dict[str, str], language: Language
) -> None:
    met = {reason for name in rpcs() if allowed(PLAYER, name) for reason in _listed(comments[name])}
    errors = [error for error in _errors() if error.reason in met]
    reader = Reader(language, "")
    told = {
        (error.domain, error.reason): from_status(to_status(_bare(error), reader)).localized
        for error in errors
    }
    assert {reason for _, reason in told} == met
    assert [which for which, sentences in told.items() if set(sentences) != {language}] == []


def _errors() -> Iterator[type[ServiceError]]:
    """Every error that a service behind the gateway, or the gateway itself, can raise by itself."""
    for service in ("allocation", "cards", "gateway", "identity", "settlement", "social"):
        domain = importlib.import_module(f"services.{service}.domain")
        for known in pkgutil.walk_packages(domain.__path__, f"{domain.__name__}."):
            module = importlib.import_module(known.name)
            yield from (
                found
                for found in vars(module).values()
                if isinstance(found, type)
                and issubclass(found, ServiceError)
                and (found.domain.removeprefix("hongbao."), found.__module__) == (service, module.__name__)
            )


def _bare(error: type[ServiceError]) -> ServiceError:
    """An error without its metadata, which people do not read."""
    if issubclass(error, CheckFailed):
        return error("length")
    bare = error.__new__(error)
    ServiceError.__init__(bare, "")
    return bare


def _listed(comment: str) -> set[str]:
    return {reason for group in _LISTED.findall(comment) for reason in group.split(", ")}


def _provoked() -> set[tuple[str, str]]:
    """Every (domain, reason) of a case; a batch's own error, inside a response, counts too."""
    errors = {(case.call.error.domain, case.call.error.reason) for case in load_cases() if case.call.error}
    return errors | {found for case in load_cases() for found in _inside(case.call.responses)}


def _inside(value: Any) -> set[tuple[str, str]]:
    if isinstance(value, list):
        return set().union(*(_inside(element) for element in value))
    if not isinstance(value, dict):
        return set()
    if "reason" in value and "domain" in value:
        return {(value["domain"], value["reason"])}
    return set().union(*(_inside(element) for element in value.values()))


def _unprovoked() -> dict[tuple[str, str], str]:
    excused: dict[str, dict[str, str]] = yaml.safe_load(UNPROVOKED.read_text(encoding="utf-8"))
    return {(domain, reason): why for domain, whys in excused.items() for reason, why in whys.items()}

"""What a contract case says, read from its YAML file. README.md explains the format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).parent / "cases"
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class CaseMalformed(Exception):
    """A case file does not follow the format."""


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """How a call must fail."""

    code: str
    reason: str
    domain: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    localized: Mapping[str, Any] = field(default_factory=dict)
    retry: bool | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a case, and what must come of it."""

    rpc: str
    requests: Sequence[Any]
    responses: Sequence[Any] | None
    error: ExpectedError | None
    metadata: Mapping[str, str]
    caller: str | None
    deadline_s: float | None

    @property
    def package(self) -> str:
        """As in `hongbao.allocation.v1`."""
        return self.rpc.rpartition("/")[0].rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Step:
    """What happens before the call that a case is about: a call, an action, or time passing."""

    call: Call | None
    action: str | None
    arguments: Mapping[str, Any]
    advance_s: float | None
    advance_to_s: float | None
    """Seconds after the case began."""
    save: Mapping[str, str]
    until: Any | None
    times: int


@dataclass(frozen=True, slots=True)
class Case:
    """One promise."""

    service: str
    name: str
    given: Sequence[Step]
    call: Call

    @property
    def id(self) -> str:
        """Names the case in test reports."""
        return f"{self.service}: {self.name}"


@cache
def load_cases(service: str | None = None) -> Sequence[Case]:
    """All cases, or those of one service, in the order of the files."""
    paths = sorted(CASES.glob(f"{service or '*'}/*.yaml"))
    cases = [case for path in paths for case in _read(path)]
    names = [case.id for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise CaseMalformed(f"names of cases must be unique: {sorted(twice)}")
    return cases


def duration_s(text: str) -> float:
    """Seconds of a duration such as `200ms` or `5s`."""
    match = re.fullmatch(r"(\d+)(ms|s|m|h|d)", text)
    if match is None:
        raise CaseMalformed(f"{text!r} is not a duration")
    return int(match[1]) * _UNITS_S[match[2]]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the fast one, if there
    """Leaves times as the text that protobuf reads."""


_Loader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
    for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@cache
def _read(path: Path) -> Sequence[Case]:
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - derived from SafeLoader
    if not isinstance(content, list):
        raise CaseMalformed(f"{path}: not a list of cases")
    return [_case(path, raw) for raw in content]


def _case(path: Path, raw: Any) -> Case:
    try:
        _check_keys(raw, _CALL_KEYS | {"case", "given"})
        given = [_step(step) for step in raw.get("given", ())]
        return Case(path.parent.name, raw["case"], given, _complete(_call(raw)))
    except (CaseMalformed, KeyError, TypeError) as failure:
        name = raw.get("case") if isinstance(raw, dict) else raw
        raise CaseMalformed(f"{path}: {name!r}: {failure!r}") from failure


_CALL_KEYS = {
    "rpc",
    "request",
    "requests",
    "response",
    "responses",
    "error",
    "metadata",
    "caller",
    "deadline",
}
_STEP_KEYS = {"rpc", "request", "requests", "error", "metadata", "caller", "deadline"} | {
    "advance",
    "advance_to",
    "do",
    "with",
    "save",
    "until",
    "times",
}


def _check_keys(raw: Mapping[str, Any], known: set[str]) -> None:
    unknown = set(raw) - known
    if unknown:
        raise CaseMalformed(f"unknown keys {sorted(unknown)}")


def _complete(call: Call) -> Call:
    if call.responses is None and call.error is None:
        raise CaseMalformed("a case needs a response, responses or an error")
    return call


def _call(raw: Mapping[str, Any]) -> Call:
    responses = raw.get("responses")
    if "response" in raw:
        responses = [raw["response"] or {}]
    return Call(
        rpc=raw["rpc"],
        requests=raw["requests"] if "requests" in raw else [raw.get("request") or {}],
        responses=responses,
        error=_error(raw["rpc"], raw["error"]) if "error" in raw else None,
        metadata=raw.get("metadata") or {},
        caller=raw.get("caller"),
        deadline_s=duration_s(raw["deadline"]) if "deadline" in raw else None,
    )


def _error(rpc: str, raw: Mapping[str, Any]) -> ExpectedError:
    domain = ".".join(rpc.split(".")[:2])
    return ExpectedError(**{"domain": domain, **raw})


def _step(raw: Mapping[str, Any]) -> Step:
    _check_keys(raw, _STEP_KEYS)
    if sum(key in raw for key in ("rpc", "do", "advance", "advance_to")) != 1:
        raise CaseMalformed("a step is one of: rpc, do, advance, advance_to")
    return Step(
        call=_call(raw) if "rpc" in raw else None,
        action=raw.get("do"),
        arguments=raw.get("with") or {},
        advance_s=duration_s(raw["advance"]) if "advance" in raw else None,
        advance_to_s=duration_s(raw["advance_to"]) if "advance_to" in raw else None,
        save=raw.get("save") or {},
        until=raw.get("until"),
        times=raw.get("times", 1),
    )

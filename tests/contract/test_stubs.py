"""Every case, played against the stub that callers are tested with: a stub says what its case says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.contract.bench import Bench
from tests.contract.case import Call, Case, load_cases
from tests.contract.contracts import rpcs
from tests.contract.play import call_once, check
from tests.contract.values import Scope, build


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in load_cases()])
async def test_the_stub_answers_as_the_case_says(case: Case, tmp_path: Path) -> None:
    async with Bench(tmp_path) as bench:
        stub = await bench.stub(case.service)
        stub.use(case.name)
        scope = Scope(bench.clock.now_ms)
        call = case.call
        descriptor = rpcs()[call.rpc].request.DESCRIPTOR
        requests = [build(request, descriptor, scope) for request in call.requests]
        _leave_open(call, scope)
        call = dataclasses.replace(call, requests=requests, metadata={})
        check(call, await call_once(call, stub.address, bench, scope), scope)


def _leave_open(call: Call, scope: Scope) -> None:
    """Placeholders that only steps before the call would fill: the stub makes something up for them."""
    metadata = call.error.metadata if call.error is not None else {}
    for name in re.findall(r"'\$(\w+)'", str(call.responses)):
        scope.values.setdefault(name, "$any")
    for name in re.findall(r"'\$(\w+)'", str(metadata)):
        scope.values.setdefault(name, "something")
    for name in re.findall(r"\$\{(\w+)\}", f"{call.responses} {metadata}"):
        scope.values.setdefault(name, f"some-{name}")

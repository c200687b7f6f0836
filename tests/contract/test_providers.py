"""Every case, played against the service that makes the promise."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.contract.bench import Bench
from tests.contract.case import Case, load_cases
from tests.contract.play import play


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in load_cases()])
async def test_the_service_keeps_its_promise(case: Case, tmp_path: Path) -> None:
    provide = importlib.import_module(f"tests.contract.cases.{case.service}.provider").provide
    async with Bench(tmp_path) as bench, provide(bench) as provider:
        await play(case, provider, bench)

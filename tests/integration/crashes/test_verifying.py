"""Identity dies while it asks providers; whoever applied is verified, and each answer has counted once."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest

from hongbao.identity.v1 import identity_pb2, identity_pb2_grpc, verification_pb2, verification_pb2_grpc
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.simulated_cards import issued_card, reserved_phone
from services.identity.domain.simulated_people import registered_name
from services.mesh.shards.directory import Directory
from tests.integration.crashes.crash_mesh import PATIENCE_S, CrashMesh, Nursery
from tests.integration.mesh.etcd_fixtures import EtcdServer

VERIFYING = ["verification.taken@2", "verification.answered@2", "verification.durable@2"]
"""Where identity dies: the registry has answered, one of two banks is being asked."""
SETTINGS = {
    "HONGBAO_IDENTITY_LEVEL_2_STEPS": "NAME_AND_NUMBER,BANK_CARD,BANK_CARD",
    "HONGBAO_IDENTITY_DESK_LEASE_MS": "400",
    "HONGBAO_IDENTITY_DESK_POLL_MS": "20",
    # As many tries as a slow machine may need.
    "HONGBAO_IDENTITY_DESK_TRIES_MAX": "50",
}
NUMBER = "11010519491231002X"


@pytest.mark.parametrize("point", VERIFYING)
async def test_each_answer_counts_once_when_identity_dies(
    point: str, nursery: Nursery, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with CrashMesh(nursery, etcd.endpoint, tmp_path) as mesh:
        mesh.tune(SETTINGS)
        mesh.start("identity", "identity", point)
        directory = Directory(mesh.etcd)
        await directory.start(["identity"])
        try:
            verified = await Applicant(mesh, directory).verified()
        finally:
            await directory.close()
        assert verified.tier == identity_pb2.TIER_II
        await mesh.victim_died()
        assert [victim.died_at(point.partition("@")[0]) for victim in mesh.victims] == [True]
        events = _read(tmp_path, "SELECT kind, COUNT(*) FROM identity_person_events GROUP BY kind")
        answers = _read(tmp_path, "SELECT result, counted FROM identity_provider_questions")
        # Verified, one change of the tier, and two cards, as `person_feed` numbers them.
        assert dict(events) == {1: 1, 2: 1, 4: 2}
        assert answers == [(1, 1)] * 3


def _read(folder: Path, query: str) -> list[tuple[int, int]]:
    with contextlib.closing(sqlite3.connect(folder / "identity.sqlite3")) as database:
        return database.execute(query).fetchall()


class Applicant:
    """Somebody who applies, and repeats every call until it is answered."""

    def __init__(self, mesh: CrashMesh, directory: Directory) -> None:
        self._mesh = mesh
        self._directory = directory

    async def verified(self) -> verification_pb2.Verification:
        """Applies with two cards; the application once it is verified."""
        registered = await self._call(
            identity_pb2_grpc.IdentityServiceStub,
            "Register",
            identity_pb2.RegisterRequest(
                request_id=str(uuid.uuid4()), phone="13800138000", display_name="小明"
            ),
        )
        account = {"account_id": registered.account_id, "login_secret": registered.login_secret}
        pb = verification_pb2
        start = pb.StartVerificationRequest(**account, level=identity_pb2.TIER_II)
        started = (await self._verification("StartVerification", start)).verification
        whole = {**account, "verification_id": started.verification_id}
        name = registered_name(NUMBER)
        await self._verification(
            "PutNameAndNumber", pb.PutNameAndNumberRequest(**whole, name=name, resident_id=NUMBER)
        )
        for bank in BANKS[:2]:
            card, phone = issued_card(bank, NUMBER), reserved_phone(NUMBER)
            await self._verification(
                "PutBankCard", pb.PutBankCardRequest(**whole, card_number=card, phone=phone)
            )
        await self._verification("SubmitVerification", pb.SubmitVerificationRequest(**whole))
        async with asyncio.timeout(PATIENCE_S):
            return await self._until_verified(whole)

    async def _until_verified(self, whole: dict[str, Any]) -> verification_pb2.Verification:
        version = 0
        while True:
            asked = verification_pb2.GetVerificationRequest(**whole, known_version=version, wait_ms=1_000)
            found: verification_pb2.Verification = (
                await self._verification("GetVerification", asked)
            ).verification
            if found.state == verification_pb2.VERIFICATION_STATE_VERIFIED:
                return found
            version = found.version

    async def _verification(self, method: str, request: Any) -> Any:
        return await self._call(verification_pb2_grpc.VerificationServiceStub, method, request)

    async def _call(self, stub: Any, method: str, request: Any) -> Any:
        async def attempt(address: str, timeout_s: float) -> Any:
            return await getattr(stub(self._mesh.gateway.channel(address)), method)(
                request, timeout=timeout_s
            )

        return await self._directory.call("identity", attempt, PATIENCE_S)

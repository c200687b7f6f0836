"""What people do to be verified step by step: an application, evidence, and what becomes of it."""

from __future__ import annotations

import grpc

from hongbao.gateway.v1 import cases_pb2, cases_pb2_grpc, verification_pb2_grpc
from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import verification_pb2 as pb
from services.cli.gala.apps.calling import proven
from services.cli.gala.crowd import within
from services.cli.gala.people import Player

DECISION_TIMEOUT_S = 90.0
"""The longest that registry, ID authority and bank may take together, seconds."""
_WAIT_MS = 5_000
_DECIDED = (
    pb.VERIFICATION_STATE_VERIFIED,
    pb.VERIFICATION_STATE_REJECTED,
    pb.VERIFICATION_STATE_NEEDS_MORE,
)


class Verifying:
    """Everybody's app, as far as being verified step by step goes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._verifications = verification_pb2_grpc.VerificationServiceStub(channel)
        self._cases = cases_pb2_grpc.CaseServiceStub(channel)

    async def start(self, player: Player) -> int:
        """Opens an application for tier II; its id."""
        request = pb.StartVerificationRequest(
            account_id=player.account_id, login_secret=player.login_secret, level=gateway.TIER_II
        )
        return (await proven(self._verifications.StartVerification, request)).verification.verification_id

    async def give_name(self, player: Player, verification_id: int) -> None:
        """Gives name and resident ID."""
        request = pb.PutNameAndNumberRequest(
            account_id=player.account_id,
            login_secret=player.login_secret,
            verification_id=verification_id,
            name=player.name,
            resident_id=player.resident_id,
        )
        await proven(self._verifications.PutNameAndNumber, request)

    async def give_photo(
        self,
        player: Player,
        verification_id: int,
        kind: pb.VerificationStepKind.ValueType,
        photo: bytes,
    ) -> None:
        """Gives one of the photos."""
        is_png = photo.startswith(b"\x89PNG")
        request = pb.PutPhotoRequest(
            account_id=player.account_id,
            login_secret=player.login_secret,
            verification_id=verification_id,
            kind=kind,
            type=pb.PHOTO_TYPE_PNG if is_png else pb.PHOTO_TYPE_JPEG,
            photo=photo,
        )
        await proven(self._verifications.PutPhoto, request)

    async def give_card(self, player: Player, verification_id: int, card_number: str, phone: str) -> None:
        """Gives a bank card, with the phone that the bank should have."""
        request = pb.PutBankCardRequest(
            account_id=player.account_id,
            login_secret=player.login_secret,
            verification_id=verification_id,
            card_number=card_number,
            phone=phone,
        )
        await proven(self._verifications.PutBankCard, request)

    async def submit(self, player: Player, verification_id: int) -> pb.Verification:
        """Hands the application in, and waits for what becomes of it."""
        submit = pb.SubmitVerificationRequest(
            account_id=player.account_id, login_secret=player.login_secret, verification_id=verification_id
        )
        verification = (await proven(self._verifications.SubmitVerification, submit)).verification
        look = pb.GetVerificationRequest(
            account_id=player.account_id,
            login_secret=player.login_secret,
            verification_id=verification_id,
            wait_ms=_WAIT_MS,
        )
        async with within(DECISION_TIMEOUT_S, f"application {verification_id} is still not decided"):
            while verification.state not in _DECIDED:
                look.known_version = verification.version
                verification = (await proven(self._verifications.GetVerification, look)).verification
        return verification

    async def read_case(self, player: Player, case_number: str) -> cases_pb2.Case:
        """What is said about a check that failed."""
        request = cases_pb2.CaseServiceGetCaseRequest(
            account_id=player.account_id, login_secret=player.login_secret, case_number=case_number
        )
        return (await proven(self._cases.GetCase, request)).case

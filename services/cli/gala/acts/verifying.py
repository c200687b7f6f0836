"""Part of act one: a few are verified step by step, some of them after something was refused."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import verification_pb2 as pb
from services.cli.gala.apps.photos import jpeg, png
from services.cli.gala.crowd import everyone
from services.cli.gala.people import Player
from services.cli.gala.people_report import VerificationFigures
from services.cli.gala.stage import AT_ONCE, Stage
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.simulated_cards import issued_card, reserved_phone
from services.mesh.errors import ServiceError

_PHOTOS = (
    pb.VERIFICATION_STEP_KIND_PHOTO_FRONT,
    pb.VERIFICATION_STEP_KIND_PHOTO_BACK,
    pb.VERIFICATION_STEP_KIND_PHOTO_HAND_HELD,
)
_TINY = 120
"""Sides of a photo that is of no use, pixels."""
_FINAL = (gateway.CASE_STATE_RESOLVED, gateway.CASE_STATE_ANSWERED)


class Mistake(IntEnum):
    """What somebody does wrong at first."""

    SAME_PHOTO = 0
    """Gives the photo of the front once more, instead of one with the person."""
    OTHER_PHONE = 1
    """Gives a phone that the bank does not know."""
    TINY_PHOTO = 2
    """Gives a photo on which nothing can be seen: it is not even taken."""
    NONE = 3


class _Applicant:
    """Somebody with an application, and what came of it."""

    def __init__(self, stage: Stage, player: Player, mistake: Mistake) -> None:
        self._app = stage.apps.verifying
        self._player = player
        self._mistake = mistake
        self._application = 0
        self.refused = 0
        self.cases: set[str] = set()
        self.cases_ended = 0

    async def apply(self) -> pb.Verification:
        """Gives everything that is asked for, and puts right what was refused, until it is decided."""
        player = self._player
        self._application = await self._app.start(player)
        await self._app.give_name(player, self._application)
        for kind in _PHOTOS:
            await self._give_photo(kind, self._mistake)
        await self._give_card(self._mistake)
        verification = await self._app.submit(player, self._application)
        while verification.state == pb.VERIFICATION_STATE_NEEDS_MORE:
            await self._put_right(verification)
            verification = await self._app.submit(player, self._application)
        for case_number in self.cases:
            self.cases_ended += (await self._app.read_case(player, case_number)).state in _FINAL
        return verification

    async def _put_right(self, verification: pb.Verification) -> None:
        for step in _refused(verification):
            await self._read(step.case_number)
            if step.kind in _PHOTOS:
                await self._give_photo(step.kind, Mistake.NONE)
            elif step.kind == pb.VERIFICATION_STEP_KIND_BANK_CARD:
                await self._give_card(Mistake.NONE)
            else:
                await self._app.give_name(self._player, self._application)

    async def _give_photo(self, kind: pb.VerificationStepKind.ValueType, mistake: Mistake) -> None:
        front = kind == _PHOTOS[0]
        is_same = mistake is Mistake.SAME_PHOTO and kind == _PHOTOS[-1]
        name = pb.VerificationStepKind.Name(_PHOTOS[0] if is_same else kind)
        seed = f"{self._player.number}:{name}"
        if mistake is Mistake.TINY_PHOTO and front:
            await self._give_tiny_photo(kind, seed)
        photo = png(seed) if front or is_same else jpeg(seed)
        await self._app.give_photo(self._player, self._application, kind, photo)

    async def _give_tiny_photo(self, kind: pb.VerificationStepKind.ValueType, seed: str) -> None:
        try:
            await self._app.give_photo(self._player, self._application, kind, png(seed, _TINY, _TINY))
        except ServiceError as error:
            if error.reason != "PHOTO_REFUSED":
                raise
            await self._read(error.metadata["case_number"])

    async def _give_card(self, mistake: Mistake) -> None:
        player = self._player
        phone = player.phone if mistake is Mistake.OTHER_PHONE else reserved_phone(player.resident_id)
        card_number = issued_card(BANKS[player.number % len(BANKS)], player.resident_id)
        await self._app.give_card(player, self._application, card_number, phone)

    async def _read(self, case_number: str) -> None:
        self.refused += 1
        if case_number not in self.cases:
            case = await self._app.read_case(self._player, case_number)
            assert case.next_step, "somebody who was refused is told what to do"  # noqa: S101 - the evening ends
            self.cases.add(case_number)


async def verify_step_by_step(stage: Stage) -> VerificationFigures:
    """Applications for tier II, with photos and a bank card."""
    stage.progress.act = "people are verified step by step"
    applicants = [player for player in stage.players if player.applies]
    applying = [
        _Applicant(stage, player, Mistake(number % len(Mistake))) for number, player in enumerate(applicants)
    ]
    verified: list[Player] = []

    async def apply(turn: tuple[Player, _Applicant]) -> None:
        player, applicant = turn
        verification = await applicant.apply()
        if verification.state == pb.VERIFICATION_STATE_VERIFIED and verification.tier == gateway.TIER_II:
            player.person_id, player.is_verified = verification.person_id, True
            await stage.phones.sign_in(player)
            stage.progress.people_verified += 1
            verified.append(player)

    await everyone(list(zip(applicants, applying, strict=True)), apply, AT_ONCE)
    return VerificationFigures(
        applications=len(applicants),
        verified=len(verified),
        refused=sum(applicant.refused for applicant in applying),
        cases_read=sum(len(applicant.cases) for applicant in applying),
        cases_ended=sum(applicant.cases_ended for applicant in applying),
    )


def _refused(verification: pb.Verification) -> Iterator[pb.VerificationStep]:
    return (step for step in verification.steps if step.state == pb.VERIFICATION_STEP_STATE_REFUSED)

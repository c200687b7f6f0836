"""Verification step by step: applications, their photos, and the desk that asks providers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from hongbao.identity.v1.verification_pb2_grpc import add_VerificationServiceServicer_to_server
from services.identity.adapters.applications import SqlApplicationStore
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.confirmations import Confirmations
from services.identity.adapters.holdings_of_applications import photos as photos_kept
from services.identity.adapters.holdings_of_applications import typed
from services.identity.adapters.photos.sealed import SealedPhotos
from services.identity.adapters.providers.desk import DeskTerms, ProviderDesk
from services.identity.adapters.providers.simulated import Manners, SimulatedProviders
from services.identity.adapters.questions import SqlQuestions
from services.identity.api.verification import VerificationApi
from services.identity.domain.verifying.checks import Pauses
from services.identity.domain.verifying.photos import PhotoLimits
from services.identity.domain.verifying.verifying import Verifying, VerifyingLimits
from services.identity.rooms import outside
from services.identity.rooms.chores import come_round
from services.identity.rooms.grounds import Grounds
from services.identity.settings import IdentitySettings
from services.mesh.room import Room
from services.mesh.server import Service

_SERVICE = "hongbao.identity.v1.VerificationService"


def verifying(on: Grounds) -> Room:
    """The room of verification step by step."""
    settings, clock = on.settings, on.clock
    store = _store(on)
    cards = SqlCardStore(on.database, on.vault, on.feed, cards_max=settings.identity_cards_max)
    confirmations = Confirmations(on.store, cards, on.feed)
    questions = SqlQuestions(on.database, on.vault, on.store, store, confirmations)
    photos = SealedPhotos(
        on.database,
        on.vault,
        outside.objects(settings),
        grace_ms=1000 * settings.identity_photo_grace_s,
    )
    on.holdings.extend((photos_kept(on.vault), typed(on.vault)))
    people = Verifying(
        store,
        questions,
        photos,
        on.registration,
        on.attempts,
        clock,
        on.draw_bits,
        _limits(settings),
    )
    providers = SimulatedProviders(
        clock,
        outside.registry(settings, clock),
        outside.banks(settings, clock),
        photos,
        _manners(settings),
    )
    providers.report = people.report
    desk = ProviderDesk(
        questions, providers, people.report, store.rest, clock, on.draw_bits, _terms(settings)
    )
    api = VerificationApi(people, clock)
    return Room(
        (Service(_SERVICE, api, add_VerificationServiceServicer_to_server),),
        {"ask providers": desk.work, **_removal(on, photos)},
    )


def _store(on: Grounds) -> SqlApplicationStore:
    return SqlApplicationStore(
        on.database,
        on.vault,
        on.store,
        on.clock,
        poll_ms=on.settings.identity_verification_poll_ms,
        rejected_photos_kept_ms=1000 * on.settings.identity_photos_rejected_kept_s,
    )


def _removal(on: Grounds, photos: SealedPhotos) -> Mapping[str, Callable[[], Coroutine[Any, Any, None]]]:
    settings, name = on.settings, "remove photos"

    async def sweep() -> int:
        return await photos.sweep(on.clock.now_ms(), settings.identity_photo_removals)

    async def run() -> None:
        try:
            await come_round(name, on.clock, settings.identity_photo_removal_pause_s, sweep)
        finally:
            await photos.close()

    return {name: run}


def _limits(settings: IdentitySettings) -> VerifyingLimits:
    return VerifyingLimits(
        levels=settings.levels,
        photo=PhotoLimits(settings.identity_photo_side_min, settings.identity_photo_side_max),
        verifications_max=settings.identity_applications_max,
        submissions_max=settings.identity_submissions_max,
        evidence_max=settings.identity_evidence_max,
    )


def _manners(settings: IdentitySettings) -> Manners:
    return Manners(
        seed=settings.identity_registry_seed,
        moods=settings.moods,
        authority_latency_ms=settings.identity_authority_latency_ms,
        silence_ms=settings.identity_authority_timeout_ms,
        report_after_ms=settings.identity_report_after_ms,
        reports_max=settings.identity_reports_max,
    )


def _terms(settings: IdentitySettings) -> DeskTerms:
    return DeskTerms(
        questions_max=settings.identity_desk_questions_max,
        lease_ms=settings.identity_desk_lease_ms,
        poll_ms=settings.identity_desk_poll_ms,
        pauses=Pauses(
            tries_max=settings.identity_desk_tries_max,
            first_ms=settings.identity_desk_pause_ms,
            longest_ms=settings.identity_desk_pause_ms_max,
        ),
    )

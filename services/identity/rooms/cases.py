"""What becomes of checks that failed."""

from __future__ import annotations

from hongbao.identity.v1.cases_pb2_grpc import add_CaseServiceServicer_to_server
from services.identity.adapters.cases import SqlCaseStore
from services.identity.adapters.holdings_of_accounts import case_texts
from services.identity.api.cases import CaseApi
from services.identity.domain.cases.desk import CaseDesk, CaseTerms
from services.identity.rooms.chores import come_round
from services.identity.rooms.grounds import Grounds
from services.mesh.room import Room
from services.mesh.server import Service


def cases(on: Grounds) -> Room:
    """The room of cases."""
    settings = on.settings
    store = SqlCaseStore(on.database, on.vault)
    on.holdings.append(case_texts(on.vault))
    terms = CaseTerms(
        notes_max=settings.identity_case_notes_max,
        overdue_s=settings.identity_case_overdue_s,
        lapse_s=settings.identity_case_lapse_s,
        silence_s=settings.identity_case_silence_s,
    )
    desk = CaseDesk(store, on.registration, on.clock, terms)
    service = Service(
        "hongbao.identity.v1.CaseService", CaseApi(desk, on.clock), add_CaseServiceServicer_to_server
    )

    async def tend() -> int:
        limit = settings.identity_chores_batch
        return await store.take_in_earlier_cases(limit) or await desk.lapse(limit)

    name = "end forgotten cases"
    return Room(
        (service,), {name: lambda: come_round(name, on.clock, settings.identity_chores_pause_s, tend)}
    )

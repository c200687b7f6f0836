"""Credit: scores, consents, partners and loans."""

from __future__ import annotations

from hongbao.identity.v1.credit_partner_pb2_grpc import (
    add_CreditPartnerRegisterServiceServicer_to_server,
    add_CreditPartnerServiceServicer_to_server,
)
from hongbao.identity.v1.credit_pb2_grpc import add_CreditServiceServicer_to_server
from services.identity.adapters.credit.consents import SqlConsentStore
from services.identity.adapters.credit.keeping import RecordPurge
from services.identity.adapters.credit.loans import SqlLoanStore
from services.identity.adapters.credit.partners import SqlPartnerStore
from services.identity.adapters.credit.queries import SqlQueryStore
from services.identity.adapters.credit.scores import SqlScoreStore
from services.identity.adapters.credit.sources import MeshSources
from services.identity.adapters.holdings_of_credit import agreed, scored
from services.identity.api.credit import CreditApi
from services.identity.api.credit_partners import CreditPartnerApi, CreditPartnerRegisterApi
from services.identity.domain.credit.asking import Asking
from services.identity.domain.credit.consenting import Consenting
from services.identity.domain.credit.partners import ConsentRules
from services.identity.domain.credit.registering import Registering
from services.identity.domain.credit.score import Freshness
from services.identity.domain.credit.scoring import Scoring
from services.identity.domain.credit.signals import DAY_MS
from services.identity.rooms.grounds import Grounds
from services.mesh.room import Room
from services.mesh.server import Service

_PACKAGE = "hongbao.identity.v1"


def credit(on: Grounds) -> Room:
    """The room of credit."""
    settings, clock, database = on.settings, on.clock, on.database
    on.holdings.extend((agreed(), scored()))
    partners, queries = SqlPartnerStore(database), SqlQueryStore(database)
    scoring = _scoring(on)
    rules = ConsentRules(settings.identity_credit_consents_max, settings.identity_credit_consent_days_max)
    consenting = Consenting(SqlConsentStore(database), partners, queries, clock, on.draw_bits, rules)
    asking = Asking(
        partners,
        queries,
        SqlLoanStore(database),
        scoring,
        clock,
        on.draw_bits,
        queries_max=settings.identity_credit_queries_max,
        loans_max=settings.identity_credit_loans_max,
    )
    registering = Registering(partners, clock, on.draw_bits, on.keys.derive("partner-secret"))
    purge = RecordPurge(
        database,
        clock,
        kept_ms=settings.identity_credit_records_days * DAY_MS,
        batch_max=settings.identity_credit_purge_batch_max,
        pause_s=settings.identity_credit_purge_pause_s,
    )
    return Room(
        (
            Service(
                f"{_PACKAGE}.CreditService",
                CreditApi(scoring, consenting),
                add_CreditServiceServicer_to_server,
            ),
            Service(
                f"{_PACKAGE}.CreditPartnerService",
                CreditPartnerApi(asking),
                add_CreditPartnerServiceServicer_to_server,
            ),
            Service(
                f"{_PACKAGE}.CreditPartnerRegisterService",
                CreditPartnerRegisterApi(registering),
                add_CreditPartnerRegisterServiceServicer_to_server,
            ),
        ),
        {"credit-purge": purge.run},
    )


def _scoring(on: Grounds) -> Scoring:
    settings = on.settings
    store = SqlScoreStore(on.database, scores_kept_max=settings.identity_credit_scores_max)
    sources = MeshSources(
        on.reach,
        store,
        on.clock,
        timeout_ms=settings.identity_credit_source_timeout_ms,
        pause_ms=settings.identity_credit_source_pause_ms,
        questions_max=settings.identity_credit_source_questions_max,
    )
    freshness = Freshness(
        1000 * settings.identity_credit_score_age_s, 1000 * settings.identity_credit_score_retry_s
    )
    return Scoring(store, sources, on.clock, freshness)

"""Who people are, and whom they know."""

from __future__ import annotations

from services.gateway import api
from services.gateway.adapters.cases import CaseClient
from services.gateway.adapters.credit import CreditClient
from services.gateway.adapters.identity import IdentityClient
from services.gateway.adapters.invitations import InvitationClient
from services.gateway.adapters.privacy import PrivacyClient
from services.gateway.adapters.sessions import SessionClient
from services.gateway.adapters.social import SocialClient
from services.gateway.adapters.suggestions import SuggestionClient
from services.gateway.adapters.verification import VerificationClient
from services.gateway.lanes.grounds import Grounds


def people(on: Grounds) -> tuple[object, ...]:
    """The servicers of accounts, sessions, cases and friends."""
    tokens, forwarding, limits = on.tokens, on.forwarding, on.bulkheads
    return (
        api.AccountServicer(IdentityClient(forwarding), limits.others),
        api.SessionServicer(tokens, SessionClient(forwarding), limits.others),
        api.CaseServicer(CaseClient(forwarding), limits.others),
        api.VerificationServicer(VerificationClient(forwarding), limits.others),
        api.PrivacyServicer(PrivacyClient(forwarding), limits.others),
        api.CreditServicer(tokens, CreditClient(forwarding), limits.others),
        api.FriendServicer(tokens, SocialClient(forwarding), limits.social),
        api.SuggestionServicer(tokens, SuggestionClient(forwarding), limits.social),
        api.InvitationServicer(tokens, InvitationClient(forwarding), limits.social),
    )

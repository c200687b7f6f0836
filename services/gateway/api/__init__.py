"""The gateway's contract services: who calls, within which limit, and who answers."""

from hongbao.gateway.v1 import (
    cases_pb2_grpc,
    circle_pb2_grpc,
    credit_pb2_grpc,
    dispute_pb2_grpc,
    envelope_pb2_grpc,
    gateway_pb2_grpc,
    group_pb2_grpc,
    invitation_pb2_grpc,
    message_pb2_grpc,
    privacy_pb2_grpc,
    proof_pb2_grpc,
    session_pb2_grpc,
    suggestion_pb2_grpc,
    verification_pb2_grpc,
)
from services.gateway.api.accounts import AccountServicer
from services.gateway.api.cards import CardServicer
from services.gateway.api.cases import CaseServicer
from services.gateway.api.circles import CircleServicer
from services.gateway.api.credit import CreditServicer
from services.gateway.api.disputes import DisputeServicer
from services.gateway.api.envelopes import EnvelopeServicer
from services.gateway.api.friends import FriendServicer
from services.gateway.api.groups import GroupServicer
from services.gateway.api.invitations import InvitationServicer
from services.gateway.api.messages import MessageServicer
from services.gateway.api.operators import OperatorServicer
from services.gateway.api.privacy import PrivacyServicer
from services.gateway.api.proofs import ProofServicer
from services.gateway.api.sessions import SessionServicer
from services.gateway.api.suggestions import SuggestionServicer
from services.gateway.api.taps import TapServicer
from services.gateway.api.verification import VerificationServicer
from services.gateway.api.wallets import WalletServicer
from services.mesh.server import Service

__all__ = [
    "AccountServicer",
    "CardServicer",
    "CaseServicer",
    "CircleServicer",
    "CreditServicer",
    "DisputeServicer",
    "EnvelopeServicer",
    "FriendServicer",
    "GroupServicer",
    "InvitationServicer",
    "MessageServicer",
    "OperatorServicer",
    "PrivacyServicer",
    "ProofServicer",
    "SessionServicer",
    "SuggestionServicer",
    "TapServicer",
    "VerificationServicer",
    "WalletServicer",
    "services_of",
]

_CONTRACTS = (
    gateway_pb2_grpc,
    cases_pb2_grpc,
    circle_pb2_grpc,
    credit_pb2_grpc,
    dispute_pb2_grpc,
    envelope_pb2_grpc,
    group_pb2_grpc,
    invitation_pb2_grpc,
    message_pb2_grpc,
    privacy_pb2_grpc,
    proof_pb2_grpc,
    session_pb2_grpc,
    suggestion_pb2_grpc,
    verification_pb2_grpc,
)


def services_of(*servicers: object) -> tuple[Service, ...]:
    """Each servicer under the name that its class says: `TapServicer` answers `TapService`."""
    return tuple(_service(servicer) for servicer in servicers)


def _service(servicer: object) -> Service:
    name = type(servicer).__name__.replace("Servicer", "Service")
    added_by = f"add_{name}Servicer_to_server"
    (contract,) = (contract for contract in _CONTRACTS if hasattr(contract, added_by))
    return Service(f"hongbao.gateway.v1.{name}", servicer, getattr(contract, added_by))

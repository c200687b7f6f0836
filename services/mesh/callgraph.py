"""Who may call what: the one table.

The servers enforce it, the trace test compares real traces with it, and network policies and the diagram in
the README are made from it. A line is a caller and the methods that it may call; `*` stands for every method
of a service's contract.
"""

from __future__ import annotations

from functools import lru_cache

PLAYER = "player"
"""Apps and pages of people: whoever calls without naming itself is one."""
OPERATOR = "operator"
"""The `hongbao` command."""
PARTNER = "partner"
"""Merchants and lenders outside of the mesh, who ask about people with their consent."""

_TABLE: tuple[tuple[str, str], ...] = (
    (PLAYER, "hongbao.gateway.v1.AccountService/*"),
    (PLAYER, "hongbao.gateway.v1.PrivacyService/*"),
    (PLAYER, "hongbao.gateway.v1.CardService/*"),
    (PLAYER, "hongbao.gateway.v1.CircleService/*"),
    (PLAYER, "hongbao.gateway.v1.CreditService/*"),
    (PLAYER, "hongbao.gateway.v1.CaseService/*"),
    (PLAYER, "hongbao.gateway.v1.DisputeService/*"),
    (PLAYER, "hongbao.gateway.v1.EnvelopeService/*"),
    (PLAYER, "hongbao.gateway.v1.FriendService/*"),
    (PLAYER, "hongbao.gateway.v1.GroupService/*"),
    (PLAYER, "hongbao.gateway.v1.InvitationService/*"),
    (PLAYER, "hongbao.gateway.v1.MessageService/*"),
    (PLAYER, "hongbao.gateway.v1.ProofService/*"),
    (PLAYER, "hongbao.gateway.v1.SessionService/*"),
    (PLAYER, "hongbao.gateway.v1.SuggestionService/*"),
    (PLAYER, "hongbao.gateway.v1.TapService/*"),
    (PLAYER, "hongbao.gateway.v1.VerificationService/*"),
    (PLAYER, "hongbao.gateway.v1.WalletService/*"),
    (OPERATOR, "hongbao.gateway.v1.OperatorService/*"),
    (OPERATOR, "hongbao.identity.v1.IdentityService/GetAccount"),
    (OPERATOR, "hongbao.identity.v1.VerificationService/ReportCheck"),
    (OPERATOR, "hongbao.identity.v1.CreditPartnerRegisterService/*"),
    (PARTNER, "hongbao.identity.v1.CreditPartnerService/*"),
    (OPERATOR, "hongbao.identity.v1.CaseService/AnswerCase"),
    (OPERATOR, "hongbao.identity.v1.CaseService/AskPerson"),
    (OPERATOR, "hongbao.identity.v1.CaseService/ListQueue"),
    (OPERATOR, "hongbao.identity.v1.CaseService/ReadCase"),
    (OPERATOR, "hongbao.identity.v1.CaseService/TakeCase"),
    (OPERATOR, "hongbao.identity.v1.SessionService/GetKeySet"),
    (OPERATOR, "hongbao.identity.v1.SessionService/ListSessions"),
    (OPERATOR, "hongbao.identity.v1.SessionService/RevokeAllSessions"),
    (OPERATOR, "hongbao.identity.v1.SessionService/RevokeSession"),
    (OPERATOR, "hongbao.allocation.v1.AllocationService/*"),
    (OPERATOR, "hongbao.allocation.v1.ClaimService/GetPacket"),
    (OPERATOR, "hongbao.allocation.v1.ClaimService/GetProof"),
    (OPERATOR, "hongbao.allocation.v1.StockService/GetStock"),
    (OPERATOR, "hongbao.allocation.v1.StockService/ListPackets"),
    (OPERATOR, "hongbao.cards.v1.CardProofService/*"),
    (OPERATOR, "hongbao.cards.v1.CardsService/*"),
    (OPERATOR, "hongbao.cards.v1.CardsShardService/GetShardGame"),
    (OPERATOR, "hongbao.cards.v1.ExchangeService/*"),
    (OPERATOR, "hongbao.cards.v1.FiguresService/*"),
    (OPERATOR, "hongbao.cards.v1.FlowService/ListClusterMembers"),
    (OPERATOR, "hongbao.cards.v1.FlowService/ListClusters"),
    (OPERATOR, "hongbao.cards.v1.HistoryService/*"),
    (OPERATOR, "hongbao.settlement.v1.SettlementService/*"),
    (OPERATOR, "hongbao.settlement.v1.DisputeService/*"),
    (OPERATOR, "hongbao.settlement.v1.StatementService/*"),
    (OPERATOR, "hongbao.settlement.v1.WithdrawalService/*"),
    (OPERATOR, "hongbao.settlement.v1.TransferService/*"),
    (OPERATOR, "hongbao.social.v1.CircleService/Dismiss"),
    (OPERATOR, "hongbao.social.v1.CircleService/ListReports"),
    (OPERATOR, "hongbao.social.v1.CircleService/TakeDown"),
    (OPERATOR, "hongbao.identity.v1.KeyService/*"),
    (OPERATOR, "hongbao.social.v1.KeyService/*"),
    ("gateway", "hongbao.identity.v1.PrivacyService/*"),
    ("gateway", "hongbao.identity.v1.BankCardService/*"),
    ("gateway", "hongbao.identity.v1.CreditService/GetScore"),
    ("gateway", "hongbao.identity.v1.CreditService/GrantConsent"),
    ("gateway", "hongbao.identity.v1.CreditService/ListConsents"),
    ("gateway", "hongbao.identity.v1.CreditService/ListQueries"),
    ("gateway", "hongbao.identity.v1.CreditService/ListScores"),
    ("gateway", "hongbao.identity.v1.CreditService/WithdrawConsent"),
    ("gateway", "hongbao.identity.v1.CaseService/AddToCase"),
    ("gateway", "hongbao.identity.v1.CaseService/GetCase"),
    ("gateway", "hongbao.identity.v1.CaseService/ListCases"),
    ("gateway", "hongbao.identity.v1.SessionService/ListSessions"),
    ("gateway", "hongbao.identity.v1.SessionService/RefreshToken"),
    ("gateway", "hongbao.identity.v1.SessionService/RevokeAllSessions"),
    ("gateway", "hongbao.identity.v1.SessionService/RevokeSession"),
    ("gateway", "hongbao.identity.v1.SessionService/WatchRevocations"),
    ("gateway", "hongbao.identity.v1.IdentityService/GetCase"),
    ("gateway", "hongbao.identity.v1.IdentityService/GetPublicKeys"),
    ("gateway", "hongbao.identity.v1.IdentityService/IssueToken"),
    ("gateway", "hongbao.identity.v1.IdentityService/Register"),
    ("gateway", "hongbao.identity.v1.IdentityService/VerifyPerson"),
    ("gateway", "hongbao.identity.v1.VerificationService/GetVerification"),
    ("gateway", "hongbao.identity.v1.VerificationService/ListAccounts"),
    ("gateway", "hongbao.identity.v1.VerificationService/ListVerifications"),
    ("gateway", "hongbao.identity.v1.VerificationService/PutBankCard"),
    ("gateway", "hongbao.identity.v1.VerificationService/PutNameAndNumber"),
    ("gateway", "hongbao.identity.v1.VerificationService/PutPhoto"),
    ("gateway", "hongbao.identity.v1.VerificationService/StartVerification"),
    ("gateway", "hongbao.identity.v1.VerificationService/SubmitVerification"),
    ("gateway", "hongbao.allocation.v1.AllocationService/ListRounds"),
    ("gateway", "hongbao.allocation.v1.ClaimService/ClaimBatch"),
    ("gateway", "hongbao.allocation.v1.ClaimService/GetProof"),
    ("gateway", "hongbao.allocation.v1.ClaimService/WatchStocks"),
    ("gateway", "hongbao.allocation.v1.EnvelopeService/AnswerAsk"),
    ("gateway", "hongbao.allocation.v1.EnvelopeService/ClaimEnvelope"),
    ("gateway", "hongbao.allocation.v1.EnvelopeService/DeclineAsk"),
    ("gateway", "hongbao.allocation.v1.EnvelopeService/GetAsk"),
    ("gateway", "hongbao.allocation.v1.EnvelopeService/GetEnvelope"),
    ("gateway", "hongbao.allocation.v1.EnvelopeService/ListAsks"),
    ("gateway", "hongbao.allocation.v1.EnvelopeService/ListEnvelopes"),
    ("gateway", "hongbao.allocation.v1.EnvelopeService/MakeAsk"),
    ("gateway", "hongbao.allocation.v1.EnvelopeService/ReissuePacket"),
    ("gateway", "hongbao.allocation.v1.EnvelopeService/SendEnvelope"),
    ("gateway", "hongbao.cards.v1.CardProofService/ProveCard"),
    ("gateway", "hongbao.cards.v1.CardsService/CompleteSet"),
    ("gateway", "hongbao.cards.v1.CardsService/GetGame"),
    ("gateway", "hongbao.cards.v1.CardsService/GiftCard"),
    ("gateway", "hongbao.cards.v1.CardsService/ListHand"),
    ("gateway", "hongbao.cards.v1.FiguresService/GetFigures"),
    ("gateway", "hongbao.cards.v1.HistoryService/ListMovements"),
    ("gateway", "hongbao.cards.v1.ExchangeService/AcceptGift"),
    ("gateway", "hongbao.cards.v1.ExchangeService/AnswerAsk"),
    ("gateway", "hongbao.cards.v1.ExchangeService/DeclineAsk"),
    ("gateway", "hongbao.cards.v1.ExchangeService/DeclineGift"),
    ("gateway", "hongbao.cards.v1.ExchangeService/ListExchanges"),
    ("gateway", "hongbao.cards.v1.ExchangeService/MakeAsk"),
    ("gateway", "hongbao.cards.v1.ExchangeService/TakeBackAsk"),
    ("gateway", "hongbao.cards.v1.ExchangeService/TakeBackGift"),
    ("gateway", "hongbao.social.v1.CircleService/CreateCircle"),
    ("gateway", "hongbao.social.v1.CircleService/CreateComment"),
    ("gateway", "hongbao.social.v1.CircleService/CreatePost"),
    ("gateway", "hongbao.social.v1.CircleService/GetCircle"),
    ("gateway", "hongbao.social.v1.CircleService/GetPost"),
    ("gateway", "hongbao.social.v1.CircleService/LikePost"),
    ("gateway", "hongbao.social.v1.CircleService/ListCircles"),
    ("gateway", "hongbao.social.v1.CircleService/ListComments"),
    ("gateway", "hongbao.social.v1.CircleService/ListNotices"),
    ("gateway", "hongbao.social.v1.CircleService/ListPosts"),
    ("gateway", "hongbao.social.v1.CircleService/RemoveComment"),
    ("gateway", "hongbao.social.v1.CircleService/RemovePost"),
    ("gateway", "hongbao.social.v1.CircleService/ReportContent"),
    ("gateway", "hongbao.social.v1.CircleService/UnlikePost"),
    ("gateway", "hongbao.social.v1.GroupService/AcceptGroupInvitation"),
    ("gateway", "hongbao.social.v1.GroupService/AddMember"),
    ("gateway", "hongbao.social.v1.GroupService/CreateGroup"),
    ("gateway", "hongbao.social.v1.GroupService/DeclineGroupInvitation"),
    ("gateway", "hongbao.social.v1.GroupService/HandOverGroup"),
    ("gateway", "hongbao.social.v1.GroupService/InviteMember"),
    ("gateway", "hongbao.social.v1.GroupService/LeaveGroup"),
    ("gateway", "hongbao.social.v1.GroupService/ListGroupInvitations"),
    ("gateway", "hongbao.social.v1.GroupService/ListGroups"),
    ("gateway", "hongbao.social.v1.GroupService/ListMembers"),
    ("gateway", "hongbao.social.v1.GroupService/RemoveMember"),
    ("gateway", "hongbao.social.v1.GroupService/SetGroupRole"),
    ("gateway", "hongbao.social.v1.InvitationService/AcceptInvitation"),
    ("gateway", "hongbao.social.v1.InvitationService/CreateInvitation"),
    ("gateway", "hongbao.social.v1.InvitationService/ListInvited"),
    ("gateway", "hongbao.social.v1.MessageService/ListConversations"),
    ("gateway", "hongbao.social.v1.MessageService/ListMessages"),
    ("gateway", "hongbao.social.v1.MessageService/MarkRead"),
    ("gateway", "hongbao.social.v1.MessageService/ReadInbox"),
    ("gateway", "hongbao.social.v1.MessageService/SendMessage"),
    ("gateway", "hongbao.social.v1.MessageService/WatchInbox"),
    ("gateway", "hongbao.social.v1.SocialService/AcceptFriend"),
    ("gateway", "hongbao.social.v1.SocialService/BlockPerson"),
    ("gateway", "hongbao.social.v1.SocialService/DeclineFriend"),
    ("gateway", "hongbao.social.v1.SocialService/ListBlocked"),
    ("gateway", "hongbao.social.v1.SocialService/ListFriendRequests"),
    ("gateway", "hongbao.social.v1.SocialService/ListFriends"),
    ("gateway", "hongbao.social.v1.SocialService/RemoveFriend"),
    ("gateway", "hongbao.social.v1.SocialService/RequestFriend"),
    ("gateway", "hongbao.social.v1.SocialService/SetRemark"),
    ("gateway", "hongbao.social.v1.SocialService/UnblockPerson"),
    ("gateway", "hongbao.social.v1.SuggestionService/*"),
    ("gateway", "hongbao.settlement.v1.SettlementService/GetWallet"),
    ("gateway", "hongbao.settlement.v1.DisputeService/AddEvidence"),
    ("gateway", "hongbao.settlement.v1.DisputeService/GetDispute"),
    ("gateway", "hongbao.settlement.v1.DisputeService/ListDisputes"),
    ("gateway", "hongbao.settlement.v1.DisputeService/OpenDispute"),
    ("gateway", "hongbao.settlement.v1.DisputeService/WithdrawDispute"),
    ("gateway", "hongbao.settlement.v1.StatementService/ListEntries"),
    ("gateway", "hongbao.settlement.v1.WithdrawalService/GetWithdrawal"),
    ("gateway", "hongbao.settlement.v1.WithdrawalService/ListWithdrawals"),
    ("gateway", "hongbao.settlement.v1.WithdrawalService/RequestWithdrawal"),
    ("social", "hongbao.allocation.v1.EnvelopeService/GetAsk"),
    ("social", "hongbao.allocation.v1.EnvelopeService/GetEnvelope"),
    ("social", "hongbao.cards.v1.ExchangeService/GetExchange"),
    ("allocation", "hongbao.allocation.v1.EnvelopeService/GetShare"),
    ("allocation", "hongbao.allocation.v1.AllocationService/GetRound"),
    ("allocation", "hongbao.allocation.v1.StockService/CloseStock"),
    ("allocation", "hongbao.allocation.v1.StockService/OpenStock"),
    ("allocation", "hongbao.allocation.v1.StockService/GetStock"),
    ("allocation", "hongbao.allocation.v1.StockService/PrepareStock"),
    ("allocation", "hongbao.allocation.v1.StockService/TransferPackets"),
    ("allocation", "hongbao.settlement.v1.SettlementService/CreateHold"),
    ("allocation", "hongbao.settlement.v1.SettlementService/CreateWalletHold"),
    ("allocation", "hongbao.social.v1.GroupService/CheckMembers"),
    ("allocation", "hongbao.social.v1.SocialService/CheckFriends"),
    ("cards", "hongbao.cards.v1.CardsShardService/*"),
    ("cards", "hongbao.cards.v1.SupplyService/LeaseSupply"),
    ("cards", "hongbao.cards.v1.ExchangeShardService/*"),
    ("cards", "hongbao.cards.v1.FlowService/DescribeGivers"),
    ("cards", "hongbao.cards.v1.FlowService/ListHubs"),
    ("cards", "hongbao.identity.v1.PersonFeedService/ReadPersons"),
    ("cards", "hongbao.settlement.v1.SettlementService/CreateHold"),
    ("cards", "hongbao.social.v1.SocialService/CheckRelations"),
    ("cards", "hongbao.social.v1.SocialService/ReadEvents"),
    ("social", "hongbao.identity.v1.PersonFeedService/ReadPersons"),
    ("social", "hongbao.identity.v1.CreditService/CheckScores"),
    ("social", "hongbao.identity.v1.CreditService/ReportConduct"),
    ("identity", "hongbao.settlement.v1.SettlementService/GetWallet"),
    ("identity", "hongbao.social.v1.SocialService/GetPersonFigures"),
    ("settlement", "hongbao.allocation.v1.ClaimService/GetPacket"),
    ("settlement", "hongbao.allocation.v1.StockService/GetStock"),
    ("settlement", "hongbao.allocation.v1.StockService/ReadEvents"),
    ("settlement", "hongbao.cards.v1.CardsShardService/ReadEvents"),
    ("settlement", "hongbao.identity.v1.PersonFeedService/ReadPersons"),
    ("settlement", "hongbao.settlement.v1.SettlementService/ReadEvents"),
    ("settlement", "hongbao.settlement.v1.WithdrawalService/ReportPayment"),
)

CALLS: frozenset[tuple[str, str]] = frozenset(_TABLE)
"""Edges of the call graph: (caller, "package.Service/Method"), where the method may be `*`."""


@lru_cache(maxsize=4096)
def allowed(caller: str, method: str) -> bool:
    """Whether the caller may call the method (`hongbao.allocation.v1.AllocationService/ClaimBatch`)."""
    return (caller, method) in CALLS or (caller, f"{method.rpartition('/')[0]}/*") in CALLS


def is_person(caller: str) -> bool:
    """Whether a person reads what the caller is answered; else it is a service, which passes it on."""
    return caller in {"", PLAYER, OPERATOR}


def service_of(method: str) -> str:
    """Short name of the service that answers a method: `allocation`."""
    return method.split(".")[1]


def edges() -> list[tuple[str, str]]:
    """Who talks to whom at all, as (caller, service), sorted: what network policies allow."""
    return sorted({(caller, service_of(method)) for caller, method in CALLS})


def mermaid() -> str:
    """The call graph as a Mermaid flow chart. The operator is left out: it may look at everything."""
    lines = [f"  {caller} --> {service}" for caller, service in edges() if OPERATOR not in {caller, service}]
    return "\n".join(["flowchart LR", *lines])

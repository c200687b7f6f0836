"""What the gateway needs from outside, as its contract services ask for it.

Requests and answers are messages of the gateway's own contract: what is only passed on has no rules here, and
another form of it in between would only cost time. Errors of the services behind arrive as they were raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

Message = Any
"""A message of the gateway's contract."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token speaks for."""

    person_id: int
    account_id: int
    shard: int
    """The person's allocation shard."""
    expires_at_ms: int
    """When the token ends, milliseconds since the Unix epoch."""
    session_id: int = 0
    """The token's session; 0 for one from before there were sessions."""


class Tokens(Protocol):
    """Turns the `authorization` header of a call into its caller."""

    def known(self, header: str) -> Caller | None:
        """The caller of a header seen before; None when it has to be verified (again)."""
        ...

    async def verify(self, header: str) -> Caller:
        """Checks a header (empty: there was none). Raises the errors named `Token...`."""
        ...


class Accounts(Protocol):
    """Identity. `language` is the caller's `accept-language`, or empty."""

    async def register(self, request: Message, language: str) -> Message:
        """See `AccountService.Register`."""
        ...

    async def verify_person(self, request: Message, language: str) -> Message:
        """See `AccountService.VerifyPerson`."""
        ...

    async def get_case(self, request: Message, language: str) -> Message:
        """See `AccountService.GetCase`."""
        ...

    async def issue_token(self, request: Message, language: str) -> Message:
        """See `AccountService.IssueToken`."""
        ...

    async def bind_card(self, request: Message, language: str) -> Message:
        """See `AccountService.BindCard`."""
        ...

    async def list_cards(self, request: Message, language: str) -> Message:
        """See `AccountService.ListCards`."""
        ...

    async def unbind_card(self, request: Message, language: str) -> Message:
        """See `AccountService.UnbindCard`."""
        ...


class Friends(Protocol):
    """Social, on behalf of a person."""

    async def request_friend(self, person_id: int, request: Message) -> Message:
        """See `FriendService.RequestFriend`."""
        ...

    async def accept_friend(self, person_id: int, request: Message) -> Message:
        """See `FriendService.AcceptFriend`."""
        ...

    async def decline_friend(self, person_id: int, request: Message) -> Message:
        """See `FriendService.DeclineFriend`."""
        ...

    async def list_friends(self, person_id: int, request: Message) -> Message:
        """See `FriendService.ListFriends`."""
        ...

    async def set_remark(self, person_id: int, request: Message) -> Message:
        """See `FriendService.SetRemark`."""
        ...

    async def list_friend_requests(self, person_id: int, request: Message) -> Message:
        """See `FriendService.ListFriendRequests`."""
        ...

    async def remove_friend(self, person_id: int, request: Message) -> Message:
        """See `FriendService.RemoveFriend`."""
        ...

    async def block_person(self, person_id: int, request: Message) -> Message:
        """See `FriendService.BlockPerson`."""
        ...

    async def unblock_person(self, person_id: int, request: Message) -> Message:
        """See `FriendService.UnblockPerson`."""
        ...

    async def list_blocked(self, person_id: int, request: Message) -> Message:
        """See `FriendService.ListBlocked`."""
        ...


class Cards(Protocol):
    """The card game, on behalf of a person."""

    async def get_game(self, request: Message) -> Message:
        """See `CardService.GetGame`."""
        ...

    async def get_figures(self, request: Message) -> Message:
        """See `CardService.GetFigures`."""
        ...

    async def list_hand(self, person_id: int, request: Message) -> Message:
        """See `CardService.ListHand`."""
        ...

    async def list_movements(self, person_id: int, request: Message) -> Message:
        """See `CardService.ListMovements`."""
        ...

    async def gift_card(self, person_id: int, request: Message) -> Message:
        """See `CardService.GiftCard`."""
        ...

    async def complete_set(self, person_id: int, request: Message) -> Message:
        """See `CardService.CompleteSet`."""
        ...


class Envelopes(Protocol):
    """Envelopes and asks, on behalf of a person."""

    async def send(self, person_id: int, request: Message) -> Message:
        """See `EnvelopeService.SendEnvelope`."""
        ...

    async def reissue(self, person_id: int, request: Message) -> Message:
        """See `EnvelopeService.ReissuePacket`."""
        ...

    async def claim(self, person_id: int, request: Message) -> Message:
        """See `EnvelopeService.ClaimEnvelope`."""
        ...

    async def get(self, person_id: int, request: Message) -> Message:
        """See `EnvelopeService.GetEnvelope`."""
        ...

    async def list_sent(self, person_id: int, request: Message) -> Message:
        """See `EnvelopeService.ListEnvelopes`."""
        ...

    async def make_ask(self, person_id: int, request: Message) -> Message:
        """See `EnvelopeService.MakeAsk`."""
        ...

    async def answer_ask(self, person_id: int, request: Message) -> Message:
        """See `EnvelopeService.AnswerAsk`."""
        ...

    async def decline_ask(self, person_id: int, request: Message) -> Message:
        """See `EnvelopeService.DeclineAsk`."""
        ...

    async def get_ask(self, person_id: int, request: Message) -> Message:
        """See `EnvelopeService.GetAsk`."""
        ...

    async def list_asks(self, person_id: int, request: Message) -> Message:
        """See `EnvelopeService.ListAsks`."""
        ...


class Groups(Protocol):
    """Groups, on behalf of a person."""

    async def create(self, person_id: int, request: Message) -> Message:
        """See `GroupService.CreateGroup`."""
        ...

    async def add_member(self, person_id: int, request: Message) -> Message:
        """See `GroupService.AddMember`."""
        ...

    async def remove_member(self, person_id: int, request: Message) -> Message:
        """See `GroupService.RemoveMember`."""
        ...

    async def leave(self, person_id: int, request: Message) -> Message:
        """See `GroupService.LeaveGroup`."""
        ...

    async def list_members(self, person_id: int, request: Message) -> Message:
        """See `GroupService.ListMembers`."""
        ...

    async def list_groups(self, person_id: int, request: Message) -> Message:
        """See `GroupService.ListGroups`."""
        ...


class Proofs(Protocol):
    """What proves packets and cards, on behalf of a person."""

    async def get_proof(self, person_id: int, request: Message) -> Message:
        """See `ProofService.GetProof`."""
        ...

    async def get_card_proof(self, person_id: int, request: Message) -> Message:
        """See `ProofService.GetCardProof`."""
        ...


class Rounds(Protocol):
    """Rounds as they are announced."""

    async def list_rounds(self, request: Message) -> Message:
        """See `TapService.ListRounds`."""
        ...


class Wallets(Protocol):
    """Settlement, on behalf of a person. `language` is the caller's `accept-language`, or empty."""

    async def get_wallet(self, person_id: int) -> Message:
        """See `WalletService.GetWallet`."""
        ...

    async def request_withdrawal(self, person_id: int, request: Message, language: str) -> Message:
        """See `WalletService.RequestWithdrawal`."""
        ...

    async def get_withdrawal(self, person_id: int, request: Message, language: str) -> Message:
        """See `WalletService.GetWithdrawal`."""
        ...

    async def list_withdrawals(self, person_id: int, request: Message, language: str) -> Message:
        """See `WalletService.ListWithdrawals`."""
        ...

    async def list_entries(self, person_id: int, request: Message, language: str) -> Message:
        """See `WalletService.ListEntries`."""
        ...


class Disputes(Protocol):
    """Disputes, on behalf of a person."""

    async def open(self, person_id: int, request: Message) -> Message:
        """See `DisputeService.OpenDispute`."""
        ...

    async def add_evidence(self, person_id: int, request: Message) -> Message:
        """See `DisputeService.AddEvidence`."""
        ...

    async def withdraw(self, person_id: int, request: Message) -> Message:
        """See `DisputeService.WithdrawDispute`."""
        ...

    async def get(self, person_id: int, request: Message) -> Message:
        """See `DisputeService.GetDispute`."""
        ...

    async def list_of_person(self, person_id: int, request: Message) -> Message:
        """See `DisputeService.ListDisputes`."""
        ...

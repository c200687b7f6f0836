"""What the ledger refuses, by the reasons of its contract, and what can be wrong with a feed."""

from __future__ import annotations

from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.language import sentence


class SettlementError(ServiceError):
    """Any error of settlement's contract."""

    domain = "hongbao.settlement"


class FundsInsufficient(SettlementError):
    """The sponsor's account does not cover it. Metadata: `sponsor_id`, `available_fen`, `needed_fen`."""

    kind = ErrorKind.PRECONDITION
    reason = "FUNDS_INSUFFICIENT"


class WalletInsufficient(SettlementError):
    """The person's wallet does not cover it. Metadata: `person_id`, `available_fen`, `needed_fen`."""

    kind = ErrorKind.PRECONDITION
    reason = "WALLET_INSUFFICIENT"
    localized = sentence(
        "余额不足，请减少金额后再试。",
        "There is not enough money in your wallet: please choose a smaller amount.",
    )


class HoldTooLate(SettlementError):
    """Money is asked for after its time. Metadata: `envelope_id` or `hold_id`, `hold_ends_at_ms`."""

    kind = ErrorKind.PRECONDITION
    reason = "HOLD_TOO_LATE"


class HoldMisplaced(SettlementError):
    """Envelope and wallet belong to different shards. Metadata: `envelope_id`, `person_id`."""

    kind = ErrorKind.INVALID
    reason = "HOLD_MISPLACED"


class HoldConflict(SettlementError):
    """The hold exists with other content. Metadata: `hold_id`."""

    kind = ErrorKind.EXISTS
    reason = "HOLD_CONFLICT"


class HoldUnknown(SettlementError):
    """The sponsor has no such hold. Metadata: `hold_id`, `sponsor_id`."""

    kind = ErrorKind.NOT_FOUND
    reason = "HOLD_UNKNOWN"


class AccountUnknown(SettlementError):
    """Nothing ever moved through the account. Metadata: `account_id`."""

    kind = ErrorKind.NOT_FOUND
    reason = "ACCOUNT_UNKNOWN"
    localized = sentence("没有这个账户。", "There is no such account.")


class RequestIdReused(SettlementError):
    """The request id came before with other input. Metadata: `request_id`."""

    kind = ErrorKind.EXISTS
    reason = "REQUEST_ID_REUSED"
    localized = sentence(
        "这次提交与之前的不同，没有生效，请刷新后再试。",
        "This request differs from the one made before, so nothing was done: please refresh and try again.",
    )


class BalanceLimitExceeded(SettlementError):
    """The account would hold more than may be. Metadata: `account_id`, `balance_fen`, `limit_fen`."""

    kind = ErrorKind.PRECONDITION
    reason = "BALANCE_LIMIT_EXCEEDED"


class AccountFrozen(SettlementError):
    """Nothing leaves the account until an operator frees it. Metadata: `account_id`."""

    kind = ErrorKind.PRECONDITION
    reason = "ACCOUNT_FROZEN"
    localized = sentence(
        "您的钱包已被冻结，暂时不能转出，请联系客服。",
        "Your wallet is frozen, so nothing can leave it for now: please contact support.",
    )


class TransferUnknown(SettlementError):
    """No such transfer was asked for, or it is forgotten. Metadata: `transfer_id`."""

    kind = ErrorKind.NOT_FOUND
    reason = "TRANSFER_UNKNOWN"


class RequestEndsTooFar(SettlementError):
    """Ids are not remembered for so long. Metadata: `request_ends_at_ms`, `ends_at_ms_max`."""

    kind = ErrorKind.INVALID
    reason = "REQUEST_ENDS_TOO_FAR"


class TransfersRemembered(SettlementError):
    """The shard remembers as many transfers as it may. Metadata: `remembered`, `remembered_max`."""

    kind = ErrorKind.EXHAUSTED
    reason = "TRANSFERS_REMEMBERED"


class ShardUnknown(SettlementError):
    """There is no such shard. Metadata: `shard`, `shard_count`."""

    kind = ErrorKind.INVALID
    reason = "SHARD_UNKNOWN"


class PersonUnverified(SettlementError):
    """Nobody knows yet who it is, so nothing may leave the wallet. Metadata: `person_id`."""

    kind = ErrorKind.PRECONDITION
    reason = "PERSON_UNVERIFIED"
    localized = sentence(
        "完成实名认证后，钱包里的钱才能转出。",
        "Money can leave your wallet once you have proven who you are: please verify your name first.",
    )


class TierLimitExceeded(SettlementError):
    """More would leave the wallet than the person's tier allows.

    Metadata: `person_id`, `tier`, `period`, `limit_fen`, `used_fen`, `needed_fen`.
    """

    kind = ErrorKind.PRECONDITION
    reason = "TIER_LIMIT_EXCEEDED"
    localized = sentence(
        "已超过账户的转出限额。绑定更多银行卡可以提高限额。",
        "This is more than may leave your wallet. Binding further bank cards raises the limit.",
    )


class FundsInTransit(SettlementError):
    """A feed's record spends money that is not here yet, or frozen. Nothing was posted; try again.

    Stays inside the service. Metadata: `source`, `seq`, `account_id`.
    """

    kind = ErrorKind.UNAVAILABLE
    reason = "FUNDS_IN_TRANSIT"


class Contradiction(SettlementError):
    """A feed's record cannot be true beside what the books hold. Nothing was posted, and nothing will be.

    Stays inside the service: the feed is stopped and shown in the books. Metadata: `source`, `seq`.
    """

    kind = ErrorKind.DATA_LOSS
    reason = "CONTRADICTION"

"""What a withdrawal's person is told: where it is, why it failed, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.mesh.language import sentence
from services.settlement.domain.withdrawals.values import Withdrawal, WithdrawalFailure, WithdrawalState


def advice(withdrawal: Withdrawal) -> Mapping[str, str]:
    """One sentence in every language; none for one that has succeeded."""
    if withdrawal.failure is not None:
        return _FAILED[withdrawal.failure]
    return _STATES.get(withdrawal.state, _NOTHING)


_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_UNDER_WAY: Final = sentence(
    "提现处理中，款项已从余额冻结，通常几分钟内到账。",
    "The withdrawal is under way and its money is reserved; it usually arrives within minutes.",
)
_STATES: Final = {
    WithdrawalState.REQUESTED: _UNDER_WAY,
    WithdrawalState.SUBMITTED: _UNDER_WAY,
    WithdrawalState.UNKNOWN: sentence(
        "银行还没有给出结果，正在查询。款项要么到账，要么原路退回，请不必重复提现。",
        "The bank has not said what became of it and is being asked. The money arrives, or it comes back; "
        "there is no need to ask twice.",
    ),
}
_FAILED: Final = {
    WithdrawalFailure.CARD_CLOSED: sentence(
        "银行卡已注销或挂失，款项已退回余额。请换一张银行卡再提现。",
        "The card is closed or reported lost; the money is back in the wallet. Choose another card.",
    ),
    WithdrawalFailure.NAME_DIFFERS: sentence(
        "银行卡的户名与您的实名不一致，款项已退回余额。请绑定本人的银行卡。",
        "The card is in another name than yours; the money is back in the wallet. Bind a card of your own.",
    ),
    WithdrawalFailure.LIMIT_AT_BANK: sentence(
        "超过了这张银行卡的收款限额，款项已退回余额。请减少金额、改日再试，或换一张银行卡。",
        "The card's bank does not let it receive so much; the money is back in the wallet. "
        "Take out less, try another day, or choose another card.",
    ),
    WithdrawalFailure.BANK_DOWN: sentence(
        "收款银行暂停服务，款项已退回余额。请稍后再试。",
        "The card's bank takes no payments at the moment; the money is back in the wallet. Try again later.",
    ),
    WithdrawalFailure.NOT_TAKEN: sentence(
        "银行没有收到这笔提现，款项已退回余额。请重新提现。",
        "The bank never got this withdrawal; the money is back in the wallet. Please ask again.",
    ),
    WithdrawalFailure.OTHER: sentence(
        "银行拒绝了这笔提现，款项已退回余额。请换一张银行卡，或联系发卡银行。",
        "The bank refused; the money is back in the wallet. Choose another card, or ask the bank.",
    ),
}

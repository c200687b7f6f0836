"""What people are told when their case has ended, by what has come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.identity.domain.cases.case import Outcome
from services.mesh.language import sentence

ANSWERS: Final[Mapping[Outcome, Mapping[str, str]]] = {
    Outcome.PASSED: sentence(
        "后来的一次认证已经通过，无需再做什么。",
        "A later check has passed: there is nothing left to do.",
    ),
    Outcome.CORRECTED: sentence(
        "问题出在我们这边，已经更正，请重新提交认证。",
        "The mistake was on our side and has been put right: please try the check again.",
    ),
    Outcome.INPUT_WRONG: sentence(
        "您填写的内容与证件或银行卡不一致，请对照原件重新填写。",
        "What you entered differs from the card or document: compare the two and try again.",
    ),
    Outcome.SOURCE_WRONG: sentence(
        "公安或银行登记的信息与您填写的不同，请先到登记单位更正，再重新认证。",
        "The registry or the bank has other data about you: have it changed there, then try again.",
    ),
    Outcome.REFUSED: sentence(
        "我们无法确认这些信息属于您本人，不能通过认证。",
        "We could not confirm that this data is yours, so the check cannot pass.",
    ),
    Outcome.LAPSED: sentence(
        "您很久没有继续认证，或已注销账户，受理单已关闭；您随时可以重新认证。",
        "You did not come back for long, or ended the account: the case is closed, you can try again.",
    ),
}
"""One sentence for each outcome, in every language."""

"""What scores are explained with, in the languages of the people who read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.identity.domain.credit.raises import Raise
from services.identity.domain.credit.rules import Factor
from services.mesh.language import sentence

FACTOR_NAMES: Final[Mapping[Factor, Mapping[str, str]]] = {
    Factor.IDENTITY: sentence("身份认证", "Who you are"),
    Factor.HISTORY: sentence("履约历史", "Keeping agreements"),
    Factor.ASSETS: sentence("资产与负债", "What you have and owe"),
    Factor.BEHAVIOUR: sentence("行为表现", "How you behave"),
    Factor.RELATIONS: sentence("人脉关系", "Whom you know"),
}

RAISE_SENTENCES: Final[Mapping[Raise, Mapping[str, str]]] = {
    Raise.VERIFY_PERSON: sentence("完成姓名和身份证实名认证。", "Verify your name and resident ID."),
    Raise.BIND_CARD: sentence("再绑定一张其他银行的银行卡。", "Bind a card of one more bank."),
    Raise.PAY_OVERDUE: sentence("尽快还清逾期的借款。", "Pay back the loans that are overdue."),
    Raise.PAY_BACK: sentence("按时还清借款，积累履约记录。", "Pay back loans in time: each one counts."),
    Raise.STAY: sentence(
        "继续使用：使用时间越长，信用积累越多。", "Stay with us: a longer time is worth more."
    ),
    Raise.KEEP_BALANCE: sentence("在钱包中保留更多余额。", "Keep more money in your wallet."),
    Raise.OWE_LESS: sentence("减少未还清的借款。", "Owe less on your open loans."),
    Raise.KEEP_RULES: sentence(
        "遵守圈子规则：被删除的内容一年后不再影响评分。",
        "Keep to the rules of circles: what was taken down stops counting after a year.",
    ),
    Raise.SETTLE_CASES: sentence(
        "处理未通过的核验：核对信息后重试，或补充说明。",
        "Settle the checks that failed: compare the data and try again, or add to the case.",
    ),
    Raise.MAKE_FRIENDS: sentence("添加更多已实名的好友。", "Make friends with more verified people."),
}

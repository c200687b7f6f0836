"""What a person can do after a refusal, in the person's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.identity.domain.verifying.sentences import SENTENCES
from services.mesh.language import sentence


def advice(reason: str, step: str = "") -> Mapping[str, str]:
    """One sentence in every language; a step without a sentence of its own has that of the reason."""
    return _SENTENCES.get((reason, step)) or _SENTENCES[reason, ""]


_SENTENCES: Final[dict[tuple[str, str], Mapping[str, str]]] = {
    **SENTENCES,
    ("NAME_MALFORMED", ""): sentence(
        "请按身份证上的写法填写姓名，只用汉字，少数民族姓名各部分之间用“·”隔开。",
        "Enter the name as printed on the resident ID card, in Chinese characters, parts joined by “·”.",
    ),
    ("RESIDENT_ID_MALFORMED", "length"): sentence(
        "请填写18位身份证号码，最后一位可以是X。",
        "Enter all 18 characters of the resident ID; the last one may be X.",
    ),
    ("RESIDENT_ID_MALFORMED", "region"): sentence(
        "身份证号码前6位不是有效的地区代码，请对照证件核对。",
        "The first 6 digits are no region: compare them with the card.",
    ),
    ("RESIDENT_ID_MALFORMED", "birth_date"): sentence(
        "身份证号码第7至14位不是有效的出生日期，请对照证件核对。",
        "Digits 7 to 14 are no birth date: compare them with the card.",
    ),
    ("RESIDENT_ID_MALFORMED", "checksum"): sentence(
        "身份证号码校验不通过，通常是输错了一位，请对照证件逐位核对。",
        "The check digit does not fit; usually one digit is mistyped: compare the number with the card.",
    ),
    ("NAME_MISMATCH", ""): sentence(
        "姓名与身份证号码不一致，请核对两项；若最近改过名，请先到派出所更新信息，次日再试。",
        "Name and number belong to different people: check both; after a change of name, ask the police.",
    ),
    ("RESIDENT_ID_UNKNOWN", ""): sentence(
        "公安人口库没有这个身份证号码，请核对号码；若确认无误，请携证件到派出所核实。",
        "The registry has no such number: check it; if it is right, ask at the police station with the card.",
    ),
    ("PROVIDER_UNAVAILABLE", ""): sentence(
        "公安人口库暂时没有响应，您的信息没有问题，请稍后重试。",
        "The registry is not answering; nothing is wrong with your data: try again a little later.",
    ),
    ("ALREADY_VERIFIED_AS_OTHER", ""): sentence(
        "该账户已由他人实名，不能更换；请注册新账户并实名。",
        "The account belongs to another person and cannot change hands: register an account of your own.",
    ),
    ("ATTEMPT_LIMIT_REACHED", ""): sentence(
        "失败次数过多，请在24小时后重试，可先查看已有的受理单。",
        "Too many checks failed: try again a day later, and look at the open cases until then.",
    ),
    ("NOT_VERIFIED", ""): sentence(
        "请先完成实名认证，再管理银行卡。",
        "Verify your name and resident ID first, then come back to your bank cards.",
    ),
    ("CARD_MALFORMED", ""): sentence(
        "请填写完整的银行卡号，16至19位数字。",
        "Enter the whole number of the card, 16 to 19 digits.",
    ),
    ("CARD_MALFORMED", "checksum"): sentence(
        "银行卡号校验不通过，通常是输错了一位，请对照卡面逐位核对。",
        "The check digit does not fit; usually one digit is mistyped: compare the number with the card.",
    ),
    ("CARD_MALFORMED", "bank"): sentence(
        "暂不支持这家银行或这种卡，请换一张常用银行的借记卡。",
        "Cards of this kind cannot be bound yet: take a debit card of another bank.",
    ),
    ("CARD_REFUSED", ""): sentence(
        "银行没有确认这张卡，请核对卡号，或换一张卡。",
        "The bank does not confirm the card: check its number, or take another card.",
    ),
    ("CARD_REFUSED", "card"): sentence(
        "银行没有这张卡，或者卡已注销、挂失；请核对卡号，或换一张卡。",
        "The bank has no such card, or it is closed: check the number, or take another card.",
    ),
    ("CARD_REFUSED", "resident_id"): sentence(
        "这张卡不是您本人的，请绑定用自己身份证开的卡。",
        "The card belongs to somebody else: bind one that was opened with your own resident ID.",
    ),
    ("CARD_REFUSED", "name"): sentence(
        "银行登记的姓名与您的实名不一致；若改过名，请带证件到银行更新后再绑定。",
        "The bank knows you under another name: if it has changed, tell the bank, then bind the card.",
    ),
    ("CARD_REFUSED", "phone"): sentence(
        "手机号与银行预留的不一致，请填写办卡时预留的手机号，或先到银行更新。",
        "The bank has another phone for the card: enter that one, or change it at the bank first.",
    ),
    ("CARD_BANK_UNAVAILABLE", ""): sentence(
        "银行暂时没有响应，您的信息没有问题，请稍后重试。",
        "The bank is not answering; nothing is wrong with your data: try again a little later.",
    ),
    ("CARD_LIMIT_REACHED", ""): sentence(
        "绑定的银行卡已达上限，请先解绑一张不用的卡。",
        "You have as many cards as one may have: take one away first.",
    ),
}

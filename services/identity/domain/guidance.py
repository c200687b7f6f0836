"""What a person can do after a refusal, in the person's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.mesh.language import sentence


def advice(reason: str, step: str = "") -> Mapping[str, str]:
    """One sentence in every language; a step without a sentence of its own has that of the reason."""
    return _SENTENCES.get((reason, step)) or _SENTENCES[reason, ""]


_SENTENCES: Final[dict[tuple[str, str], Mapping[str, str]]] = {
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
        "请先完成实名认证，再登录。",
        "Verify your name and resident ID first, then ask for a token.",
    ),
}

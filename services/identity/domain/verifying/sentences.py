"""What a person can do after a refusal of these checks; `guidance` knows where each belongs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.mesh.language import sentence

SENTENCES: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    ("PHOTO_REFUSED", ""): sentence(
        "请上传清晰的JPEG或PNG照片，不超过2MB。",
        "Send a clear photo as JPEG or PNG, 2 MiB at most.",
    ),
    ("PHOTO_REFUSED", "too_small"): sentence(
        "照片太小，看不清证件；请用手机重新拍摄，不要截图。",
        "The photo is too small to be read: take it anew with the phone, not as a screenshot.",
    ),
    ("PHOTO_REFUSED", "too_large"): sentence(
        "照片尺寸太大，请用普通拍照模式重新拍摄。",
        "The photo has too many pixels: take it anew in the camera's ordinary mode.",
    ),
    ("DOCUMENT_REFUSED", ""): sentence(
        "证件照片没有通过核验，请重新拍摄后再提交。",
        "The photos of the document were not confirmed: take them anew and submit again.",
    ),
    ("DOCUMENT_REFUSED", "photo_unreadable"): sentence(
        "照片看不清，请在光线好的地方重新拍摄，证件四角都要拍到。",
        "A photo cannot be read: take it in good light, with all four corners of the card in the picture.",
    ),
    ("DOCUMENT_REFUSED", "other_face"): sentence(
        "手持照片中的人与证件不符，请本人手持证件重新拍摄。",
        "The person in the photo is not the one on the card: take it of yourself, holding your own card.",
    ),
    ("DOCUMENT_REFUSED", "expired"): sentence(
        "身份证已过有效期，请换领新证后上传新证照片。",
        "The card has run out: get a new one, then send photos of that.",
    ),
    ("DOCUMENT_REFUSED", "forged"): sentence(
        "证件没有通过真伪核验，本次申请已结束；如有疑问，请携证件到派出所核实。",
        "The card was not found genuine and this application is over: ask at the police station with it.",
    ),
    ("AUTHORITY_UNAVAILABLE", ""): sentence(
        "证件核验机构暂时没有响应，您的照片没有问题，请稍后再次提交，不用重新拍摄。",
        "The ID authority is not answering; nothing is wrong with your photos: submit again a little later.",
    ),
    ("VERIFICATION_LIMIT_REACHED", ""): sentence(
        "申请或更换材料的次数已达上限，请查看已有的受理单并补充说明。",
        "You have applied or replaced evidence too often: look at your open cases and add to them.",
    ),
    ("CHECK_CONTRADICTED", ""): sentence(
        "核验机构前后答复不一致，我们正在与其核对，您不用做什么。",
        "A provider has contradicted itself; we are clearing that up with it: there is nothing you must do.",
    ),
}
"""By reason and step, as in `guidance`."""

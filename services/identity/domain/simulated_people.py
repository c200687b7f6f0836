"""People whom the simulated population registry knows: who is called what follows from the number alone.

Generators of people use it, and so does the registry's adapter.
"""

from __future__ import annotations

import hashlib
from typing import Final

DEFAULT_SEED: Final = 2016
"""The default of the setting, for generators that make people whom the registry knows."""
SEQUENCE_UNKNOWN: Final = 998
"""The registry has no number with this sequence: the way to meet RESIDENT_ID_UNKNOWN."""
SEQUENCE_SILENT: Final = 999
"""The registry never answers about a number with this sequence: the way to meet PROVIDER_UNAVAILABLE."""

_SURNAMES: Final = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜"
_GIVEN: Final = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂红玉梅建国志文华春雪晨浩宇欣怡佳琪子涵博文天翔"
)


def registered_name(number: str, seed: int = DEFAULT_SEED) -> str:
    """The name that the registry has for a number: two characters for one in four people, else three."""
    drawn = hashlib.blake2b(number.encode(), digest_size=8, key=seed.to_bytes(8, "big")).digest()
    surname = _SURNAMES[drawn[0] % len(_SURNAMES)]
    given = _GIVEN[drawn[1] % len(_GIVEN)]
    if drawn[2] % 4:
        given += _GIVEN[drawn[3] % len(_GIVEN)]
    return surname + given

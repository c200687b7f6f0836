"""Credit scores as cases set them."""

from __future__ import annotations

from services.mesh.language import sentence
from services.social.domain.circles.circle import Score
from services.social.domain.circles.errors import CreditUnavailable
from services.social.domain.relation import PersonId

_RAISES = (
    ("BIND_CARD", sentence("绑定另一家银行的银行卡。", "Bind a card of another bank.")),
    ("MAKE_FRIENDS", sentence("结识更多实名好友。", "Make friends with verified people.")),
)


class CreditScores:
    """`Scores` of tests: 500 for everybody, but those of whom something else was said."""

    def __init__(self) -> None:
        self._points: dict[int, int] = {}
        self._is_silent = False

    async def score_of(self, person: PersonId) -> Score:
        if self._is_silent:
            raise CreditUnavailable(person)
        return Score(self._points.get(person, 500), _RAISES)

    def set(self, person: int, points: int) -> None:
        self._points[person] = points

    def fall_silent(self) -> None:
        self._is_silent = True

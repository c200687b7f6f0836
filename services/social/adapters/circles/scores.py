"""Credit scores from identity, remembered for a while."""

from __future__ import annotations

from collections import OrderedDict

from hongbao.identity.v1 import credit_pb2
from hongbao.identity.v1.credit_pb2_grpc import CreditServiceStub
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.language import sentence
from services.mesh.reach import Reach
from services.social.domain.circles.circle import RAISES_MAX, Score
from services.social.domain.circles.errors import CreditUnavailable
from services.social.domain.relation import PersonId

_RAISE = "CREDIT_RAISE_"


class NoScores:
    """`Scores` where the service stands alone: whoever needs one waits."""

    async def score_of(self, person: PersonId) -> Score:
        """See `Scores.score_of`."""
        raise CreditUnavailable(person)


class IdentityScores:
    """`Scores` of identity's `CreditService`."""

    def __init__(
        self,
        reach: Reach,
        clock: Clock,
        *,
        wait_s: float,
        remember_s: float,
        people_max: int,
        calls_max: int,
    ) -> None:
        """Asks at most `calls_max` at once, `wait_s` long; remembers `people_max` for `remember_s`."""
        self._reach = reach
        self._clock = clock
        self._wait_s = wait_s
        self._remember_s = remember_s
        self._people_max = people_max
        self._calls_max = calls_max
        self._calls = 0
        self._known: OrderedDict[PersonId, tuple[Score, float]] = OrderedDict()

    async def score_of(self, person: PersonId) -> Score:
        """See `Scores.score_of`."""
        known = self._known.get(person)
        if known is not None and self._clock.monotonic_s() < known[1]:
            return known[0]
        if self._calls >= self._calls_max:
            raise CreditUnavailable(person)
        self._calls += 1
        try:
            score = await self._ask(person)
        except ServiceError as failure:
            raise CreditUnavailable(person) from failure
        finally:
            self._calls -= 1
        self._known.pop(person, None)
        self._known[person] = (score, self._clock.monotonic_s() + self._remember_s)
        if len(self._known) > self._people_max:
            self._known.popitem(last=False)
        return score

    async def _ask(self, person: PersonId) -> Score:
        request = credit_pb2.CheckScoresRequest(person_ids=[person])

        async def attempt(address: str, timeout_s: float) -> credit_pb2.CheckScoresResponse:
            stub = CreditServiceStub(self._reach.channels.channel(address))
            response: credit_pb2.CheckScoresResponse = await stub.CheckScores(request, timeout=timeout_s)
            return response

        response = await self._reach.directory.call("identity", attempt, self._wait_s)
        return _score(response.scores[0])


def _score(told: credit_pb2.Score) -> Score:
    raises = [
        (
            credit_pb2.CreditRaise.Name(way.kind).removeprefix(_RAISE),
            sentence(way.sentence.chinese, way.sentence.english),
        )
        for way in told.raises[:RAISES_MAX]
    ]
    return Score(told.score, raises)

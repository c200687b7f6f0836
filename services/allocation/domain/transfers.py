"""What a part has asked of other shards, sent to them, and received: so that nothing moves twice.

The shard that ran dry asks: `request`. The other one answers every request once, and with the same packets
however often it is asked again: `sent`. The first one records what it was answered: `received`. Requests are
counted for each pair of shards, from 1, and a shard has one without an answer at most. Before a part is
closed, each of its requests is answered, so nothing can be on its way to a closed part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.allocation.domain.lots import Parcel


@dataclass(frozen=True, slots=True)
class Request:
    """A question for packets."""

    from_shard: int
    """Who is asked."""
    no: int
    """Counts the requests to that shard, from 1."""
    wanted: int
    """How many packets at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer to one shard."""

    to_shard: int
    no: int
    """Of the request."""
    parcel: Parcel


@dataclass(slots=True)
class Transfers:
    """The transfers of one part. It changes only by what is on record."""

    outstanding: Request | None = None
    """The request that has no answer yet."""
    packets_sent: int = 0
    sent_fen: int = 0
    packets_received: int = 0
    received_fen: int = 0
    _requests: dict[int, Request] = field(default_factory=dict)
    """The last request to each shard."""
    _answers: dict[int, Answer] = field(default_factory=dict)
    """The last answer to each shard."""

    @property
    def any(self) -> bool:
        """Whether there was ever one."""
        return bool(self._requests or self._answers)

    @property
    def requests_made(self) -> int:
        """Number of all requests."""
        return sum(request.no for request in self._requests.values())

    def requests(self) -> Iterable[Request]:
        """The last request to each shard."""
        return self._requests.values()

    def answers(self) -> Iterable[Answer]:
        """The last answer to each shard."""
        return self._answers.values()

    def next_no(self, from_shard: int) -> int:
        """The number that the next request to a shard has."""
        last = self._requests.get(from_shard)
        return 1 if last is None else last.no + 1

    def answer(self, to_shard: int) -> Answer | None:
        """What a shard was answered last."""
        return self._answers.get(to_shard)

    def request(self, request: Request) -> None:
        """Folds a request."""
        assert self.outstanding is None, "one request at a time"
        assert request.no == self.next_no(request.from_shard), "requests are counted without gaps"
        self.outstanding = self._requests[request.from_shard] = request

    def sent(self, answer: Answer) -> None:
        """Folds an answer."""
        last = self._answers.get(answer.to_shard)
        assert answer.no == (1 if last is None else last.no + 1), "every request is answered, in turn, once"
        self._answers[answer.to_shard] = answer
        self.packets_sent += answer.parcel.count
        self.sent_fen += answer.parcel.amount_fen

    def received(self, from_shard: int, no: int, parcel: Parcel) -> None:
        """Folds what a request was answered."""
        asked = self.outstanding
        assert asked is not None, "nothing is received unasked"
        assert (asked.from_shard, asked.no) == (from_shard, no), "an answer belongs to its request"
        assert parcel.count <= asked.wanted, "nobody is sent more than was asked for"
        self.outstanding = None
        self.packets_received += parcel.count
        self.received_fen += parcel.amount_fen

    def restore(self, requests: Iterable[Request], answers: Iterable[Answer]) -> None:
        """Takes over what a snapshot kept."""
        self._requests = {request.from_shard: request for request in requests}
        self._answers = {answer.to_shard: answer for answer in answers}

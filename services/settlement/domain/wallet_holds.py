"""Money that people have set aside for envelopes, and which envelopes have ended.

An envelope's end is remembered until nobody can ask for its money any more: a request says until when it may
be carried out. So a request that was held up somewhere never takes money for an envelope that is over, and
nothing has to be remembered for ever, though envelopes come from players.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class WalletHold:
    """What is known of one envelope's money."""

    envelope_id: int
    person_id: int
    """Whose money it is."""
    amount_fen: int
    """How much was set aside; 0 when the envelope was given up before anything was."""
    ends_ms: int
    """From when it may not be asked for any more, milliseconds since the Unix epoch."""
    ended: bool = False
    """Nothing can enter or leave it any more."""


class WalletHolds:
    """All envelopes of one shard that have money, or could still be asked for."""

    def __init__(self) -> None:
        self.forgotten_ms = 0
        """Ended envelopes that could be asked for until this moment, or for less long, are forgotten."""
        self._by_envelope: dict[int, WalletHold] = {}
        self._ended: list[tuple[int, int]] = []
        """Heap of when those that have ended can be forgotten."""

    def __len__(self) -> int:
        return len(self._by_envelope)

    def all(self) -> Iterable[WalletHold]:
        """Every hold that is remembered, in the order in which they came."""
        return self._by_envelope.values()

    def find(self, envelope_id: int) -> WalletHold | None:
        """An envelope's hold; None when there is none, or none any more."""
        return self._by_envelope.get(envelope_id)

    def too_late(self, ends_ms: int, now_ms: int) -> bool:
        """Whether a hold that is not known may not be made any more.

        Never goes back to False, whatever becomes of the clock: what was forgotten stays too late.
        """
        return ends_ms <= max(now_ms, self.forgotten_ms)

    def add(self, hold: WalletHold) -> None:
        """Folds a hold in, as made or as restored."""
        assert hold.envelope_id not in self._by_envelope, "an envelope's money is held once"
        self._by_envelope[hold.envelope_id] = hold
        if hold.ended:
            heapq.heappush(self._ended, (hold.ends_ms, hold.envelope_id))

    def end(self, envelope_id: int, person_id: int, ends_ms: int) -> None:
        """Folds the end of an envelope in, whether anything was held for it or not.

        When an older envelope of the same id has ended, this one was given up; both are remembered until the
        later moment.
        """
        held = self._by_envelope.pop(envelope_id, None)
        if held is None:
            held = WalletHold(envelope_id, person_id, 0, ends_ms)
        elif held.ended:
            assert held.ends_ms != ends_ms, "an envelope ends once"
            held = WalletHold(envelope_id, person_id, 0, max(held.ends_ms, ends_ms))
        self.add(replace(held, ended=True))

    def forget(self, now_ms: int) -> list[int]:
        """Forgets the ended envelopes that nobody may ask for any more; returns which."""
        self.forgotten_ms = max(self.forgotten_ms, now_ms)
        forgotten = []
        while self._ended and self._ended[0][0] <= now_ms:
            ends_ms, envelope_id = heapq.heappop(self._ended)
            kept = self._by_envelope.get(envelope_id)
            if kept is None or not kept.ended or kept.ends_ms > ends_ms:
                continue  # It ended twice, and is forgotten already, or has to be remembered for longer.
            del self._by_envelope[envelope_id]
            forgotten.append(envelope_id)
        return forgotten

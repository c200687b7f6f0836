"""Claims of `bench isolation`: taps that all win, each by a person who has not won in that round.

`python -m services.cli.bench.isolation_claims JOB`: at a fixed rate, or as fast as answers come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any

from hongbao.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from services.cli.bench.isolation_jobs import CALL_TIMEOUT_S, Tally, lines, steadily, told, work

_LINES = 4
_WON = gateway_pb2.TAP_OUTCOME_WON


class Claims:
    """Everybody's tap in every round, one after the other."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        channels = lines(job["address"], _LINES)
        self._stubs = cycle([gateway_pb2_grpc.TapServiceStub(channel) for channel in channels])
        self._todo: Iterator[tuple[str, str]] = (
            (round_id, token) for round_id in job["rounds"] for token in job["tokens"]
        )
        self._campaign_id = job["campaign_id"]
        self.tally = Tally()
        self.won_at_s: list[float] = []
        """When answers came that told of a packet."""

    async def one(self, due_s: float) -> bool:
        """The next person taps; False when everybody has, in every round."""
        nxt = next(self._todo, None)
        if nxt is None:
            return False
        round_id, token = nxt
        request = gateway_pb2.TapRequest(campaign_id=self._campaign_id, round_id=round_id, taps=20)
        answer, failure = await told(
            next(self._stubs).Tap(
                request, metadata=(("authorization", f"Bearer {token}"),), timeout=CALL_TIMEOUT_S
            )
        )
        now_s = time.time()
        self.tally.note(now_s - due_s, failure)
        if failure is None:
            if answer.outcome == _WON:
                self.won_at_s.append(now_s)
            else:
                self.tally.others[gateway_pb2.TapOutcome.Name(answer.outcome)] += 1
        return True

    async def begin(self, due_s: float) -> None:
        """As `one`, for a load that does not wait."""
        await self.one(due_s)

    async def without_pause(self, until_s: float) -> None:
        """Taps as fast as answers come."""
        while time.time() < until_s:
            self.tally.offered += 1
            if not await self.one(time.time()):
                return


async def main(job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Taps for as long as the job says."""
    claims = Claims(job)
    start_at_s, seconds = job["start_at_s"], job["seconds"]
    await asyncio.sleep(max(0.0, start_at_s - time.time()))
    if job["at_once"]:
        until_s = start_at_s + seconds
        await asyncio.gather(*(claims.without_pause(until_s) for _ in range(job["at_once"])))
    else:
        await steadily(start_at_s, seconds, job["per_s"], claims.begin, claims.tally)
    ended_s = min(time.time(), start_at_s + seconds)
    in_time = sum(won_s <= start_at_s + seconds for won_s in claims.won_at_s)
    return {
        **claims.tally.content(),
        "won": len(claims.won_at_s),
        "won_in_time": in_time,
        "seconds": ended_s - start_at_s,
    }


if __name__ == "__main__":
    work(main)

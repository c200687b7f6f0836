"""The burst of `bench isolation`: shares and messages at fixed rates, whatever is answered.

`python -m services.cli.bench.isolation_burst JOB`. Everybody watches their timeline, as apps do; when the
burst is over, what was accepted is compared with what was delivered, and with what envelopes say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from services.cli.bench.isolation_chat import Chat
from services.cli.bench.isolation_jobs import steadily, talkers_of, work
from services.cli.bench.isolation_shares import Shares


async def main(job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Shares and chats for as long as the job says."""
    talkers = talkers_of(job)
    shares, chat = Shares(job["share_address"], talkers), Chat(job["chat_address"], talkers)
    start_at_s, seconds = job["start_at_s"], job["seconds"]
    async with chat.watched():
        await asyncio.sleep(max(0.0, start_at_s - time.time()))
        await asyncio.gather(
            steadily(start_at_s, seconds, job["shares_per_s"], shares.one, shares.tally),
            steadily(start_at_s, seconds, job["messages_per_s"], chat.one, chat.tally),
        )
        await chat.all_delivered(job["patience_s"])
    await shares.look_up(job["patience_s"])
    return {
        "shares": {**shares.tally.content(), **shares.findings()},
        "messages": {**chat.tally.content(), **chat.findings()},
        "talkers": [asdict(talker) for talker in talkers],
    }


if __name__ == "__main__":
    work(main)

"""Failpoints: named places between two steps where a test lets the process die.

A place is one line, `failpoint("claim.recorded")`, and costs one look at an empty dict while nothing is
armed. `HONGBAO_FAILPOINTS=claim.recorded=kill` arms one in a process of its own, if
`HONGBAO_FAILPOINTS_ALLOWED` says that nobody relies on it. `kill@3` is the third time that it comes by.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence

POINTS: Mapping[str, str] = {
    # A claim, at the shard's owner.
    "claim.decided": "A batch of claims is decided; nothing of it is recorded.",
    "claim.recorded": "The wins are in the state and on their way to the disk.",
    "claim.durable": "The wins are on the disk; the caller has not been told.",
    # Any record, on its way to the disk.
    "journal.appending": "Records of a shard are about to be written.",
    "journal.appended": "They are on the disk; nobody in the process knows.",
    "snapshot.saved": "A snapshot is on the disk while records go on.",
    # A round, at its home shard and at the owners of its parts.
    "round.created": "A round is on record; its budget is not held.",
    "round.held": "Settlement holds the budget; that is not on record here.",
    "round.funded": "The hold is on record; no shard has its part.",
    "stock.prepared": "A shard has its part on record; the home shard has not been told.",
    "round.ended": "The operator's early end is on record; no part is closed.",
    "stock.closed": "A shard's part is closed on record; the home shard has not been told.",
    "round.closing": "All parts are closed; what became of the round is not on record.",
    # Packets that nobody claims, on their way to a shard that ran dry.
    "leftover.requested": "The taker's request is on record; the giver has not been asked.",
    "leftover.parted": "The giver's answer is in its state and on its way to the disk.",
    "leftover.sent": "The giver's answer is on record; the taker has not been told.",
    "leftover.arrived": "The taker knows the answer; it is not on record there.",
    "leftover.received": "The packets are in the taker's state and on their way to the disk.",
    # A lease of cards, at the game's home shard and at the shard that asks.
    "lease.granted": "A grant is in the state of the home shard and on its way to the disk.",
    "lease.durable": "The grant is on the disk; the shard has not been told.",
    "lease.answered": "The shard knows the grant; it is not on record there.",
    "lease.received": "The cards are in the shard's state and on their way to the disk.",
    # A gift or an ask of cards, at the shard of who has the card.
    "exchange.durable": "How it ended is on the disk; the shard of who acted has not been told.",
    # An envelope, at its sender's shard.
    "envelope.created": "An envelope is on record; its money is not held.",
    "envelope.held": "Settlement holds the money; that is not on record here.",
    "envelope.opened": "The hold is on record; the sender has not been told.",
    "envelope.claimed": "A share is in the state and on its way to the disk.",
    "envelope.shared": "The share is on record; whoever claimed it has not been told.",
    "envelope.expired": "The end of an envelope is on its way to the disk, and with it what goes back.",
    # Settlement's side of all that.
    "hold.decided": "The sponsor has the money; the hold is not recorded.",
    "hold.durable": "The hold is on the disk; allocation has not been told.",
    "wallet.decided": "The sender has the money; the hold is not recorded.",
    "wallet.durable": "The hold is on the disk; allocation has not been told.",
    # Winnings that wait, at the shard of their person.
    "waiting.moved": "They have left their waiting account; nothing of it is on the disk.",
    # A dispute, at the shard of its person.
    "dispute.decided": "A step, and what it pays, is in the state; it is not recorded.",
    "dispute.durable": "The step is on the disk; whoever took it has not been told.",
    "dispute.paid": "What had to wait for the fund is paid in the state; it is not recorded.",
    # A withdrawal, at the shard of its person.
    "withdrawal.decided": "The person has the money; the withdrawal is not recorded.",
    "withdrawal.reserved": "The money is reserved on the disk; the person has not been told.",
    "withdrawal.taken": "The desk has taken it up; that it goes to the bank is not on record.",
    "withdrawal.submitting": "That it goes to the bank is on record; nothing was sent.",
    "withdrawal.answered": "The bank has answered; what it said is not on record.",
    "withdrawal.queried": "The bank has answered a question; what it said is not on record.",
    "withdrawal.ended": "The end is in the state and on its way to the disk.",
    "withdrawal.reported": "The bank's report is on the disk; the bank has not been told.",
    # A question to a provider, at identity's desk.
    "verification.taken": "A question is taken up on record; the provider has not been asked.",
    "verification.answered": "The provider has answered; nothing of it is on record.",
    "verification.durable": "The answer, and all that follows from it, is on the disk.",
    "feed.posted": "The effect of a feed's record is on its way to the disk.",
    "feed.durable": "The effect and the position in the feed are on the disk.",
    "payout.durable": "A step of a pool's payout is on the disk; more of the same record are to follow.",
    "statements.added": "Events are in the statements; the process does not know.",
    # A shard's way from one owner to the next.
    "handoff.warmed": "The taker has loaded the state ahead, and the giver may give; it serves still.",
    "handoff.claimed": "The shard's key is created; its journal is not fenced.",
    "handoff.fenced": "The journal is fenced; the state is not loaded.",
    "handoff.recovered": "The state is complete; its background work has not begun.",
    "handoff.taken": "The shard is served; callers cannot see that.",
    "handoff.announced": "Callers see the new owner.",
    "handoff.stopped": "The giver answers for the shard no more; what it accepted is not flushed.",
    "handoff.flushed": "Everything is on the disk; there is no snapshot of it.",
    "handoff.given": "The giver has let go of the journal; the shard's key is still there.",
    "handoff.released": "The shard's key is deleted.",
}
"""Every place by its name, and what has happened and what has not when the process dies there."""

_ACTION = "kill"
_armed: dict[str, int] = {}
"""How often the process may still come by until it dies there."""


def failpoint(name: str) -> None:
    """A place between two steps. Returns, or the process is gone."""
    if _armed:
        _come_by(name)


def arm_failpoints(words: Sequence[str]) -> None:
    """Arms the places that settings name, in this process, from now on. Raises ValueError as `read_words`."""
    _armed.clear()
    _armed.update(read_words(words))


def read_words(words: Sequence[str]) -> Mapping[str, int]:
    """Reads `name=kill` and `name=kill@times`: at which coming by the process dies, by name.

    Raises ValueError for a place that does not exist, and for anything else that is asked for.
    """
    armed = {}
    for word in words:
        name, _, deed = word.partition("=")
        action, _, times = deed.partition("@")
        if name not in POINTS:
            raise ValueError(f"there is no failpoint {name!r}")
        if action != _ACTION or not (times or "1").isdecimal() or int(times or "1") < 1:
            raise ValueError(f"{word!r} is not of the form {name}={_ACTION} or {name}={_ACTION}@3")
        armed[name] = int(times or "1")
    return armed


def _come_by(name: str) -> None:
    left = _armed.get(name)
    if left is None:
        return
    _armed[name] = left - 1
    if left == 1:
        # Past all buffers: nothing of this process runs after the next line.
        os.write(2, f"failpoint {name}: killed\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)

"""Who may take how much money out of a wallet."""

from __future__ import annotations

from services.settlement.domain.errors import PersonUnverified, TierLimitExceeded
from services.settlement.domain.state import SettlementState


def check_may_leave(state: SettlementState, person_id: int, amount_fen: int, at_ms: int) -> None:
    """Returns when the money may leave the person's wallet, as far as that depends on who the person is.

    What leaves is counted by `People.note_left` with the same moment, when the event is folded in.

    Args:
        state: of the person's shard.
        person_id: whose wallet it is.
        amount_fen: how much is to leave.
        at_ms: the moment that it counts at, milliseconds since the Unix epoch.

    Raises:
        PersonUnverified: nobody knows yet who it is.
        TierLimitExceeded: it would be more than the person's tier allows.
    """
    people = state.people
    if not people.knows(person_id):
        raise PersonUnverified(
            f"person {person_id} is not verified, so nothing may leave the wallet", person_id=person_id
        )
    allowance = people.allowance(person_id, at_ms)
    if allowance is None or amount_fen <= allowance.left_fen:
        return
    raise TierLimitExceeded(
        f"{allowance.left_fen} fen may still leave the wallet, not {amount_fen} fen",
        person_id=person_id,
        tier=int(allowance.tier),
        period=allowance.period,
        limit_fen=allowance.limit_fen,
        used_fen=allowance.used_fen,
        needed_fen=amount_fen,
    )

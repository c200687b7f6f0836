"""`hongbao gala`: what people did beside the campaign."""

from __future__ import annotations

from collections.abc import Sequence

from services.cli.console import CONSOLE
from services.cli.gala.people_report import PeopleFigures


def people_rows(people: PeopleFigures) -> Sequence[tuple[str, str]]:
    """Lines of the table of figures."""
    verification, chat, circles = people.verification, people.chat, people.circles
    sessions, credit = people.sessions, people.credit
    texts = f"{circles.posts:,} posts, {circles.comments:,} comments, {circles.likes:,} likes"
    verified = f"{verification.verified:,} of {verification.applications:,}"
    cases = f"{verification.cases_ended:,} of {verification.cases_read:,} cases ended"
    sent_along = f"{chat.packets:,} packets and {chat.cards:,} cards sent along"
    return (
        ("verified step by step", f"{verified}, {verification.refused:,} refusals put right, {cases}"),
        ("invitations", f"{people.invitations.fulfilled:,} of {people.invitations.accepted:,} fulfilled"),
        ("messages", f"{chat.messages:,}, {chat.delivered:,} delivered; {sent_along}"),
        (
            "circles",
            f"{texts}; {circles.refused:,} refused for their score, {circles.taken_down:,} taken down",
        ),
        ("tokens refreshed", f"{sessions.refreshed:,} of {sessions.asked:,}"),
        ("a lost device", f"refused after {sessions.revoked_ms:,} ms"),
        ("credit", f"score {credit.score}, a merchant was told {credit.told_score}"),
        ("erased", f"{people.leaving.erased:,}, {people.leaving.login_refused:,} cannot sign in any more"),
    )


def say_people(people: PeopleFigures) -> None:
    """Prints whether it all fits."""
    chat, complaints = people.chat, people.complaints()
    CONSOLE.print(
        f"messages: {chat.messages:,} compared with {chat.delivered:,} entries of timelines, "
        f"difference: {chat.messages_difference:,}",
        style="green" if not chat.messages_difference else "red",
        highlight=False,
    )
    for complaint in complaints:
        CONSOLE.print(f"people: {complaint}", style="bold red", highlight=False)

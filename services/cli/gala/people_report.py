"""What people did beside the campaign, and what of it does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

REVOKED_MS_MAX = 5_000
"""How long a gateway may take the calls of a session that has ended, milliseconds."""


@dataclass(frozen=True, slots=True)
class VerificationFigures:
    """People who were verified step by step."""

    applications: int
    verified: int
    refused: int
    """How often something of an application was refused first."""
    cases_read: int
    cases_ended: int
    """Of these cases, those that have ended since, because the check passed."""


@dataclass(frozen=True, slots=True)
class InvitationFigures:
    """People who were brought into the campaign."""

    accepted: int
    fulfilled: int
    """Those with whom inviting has earned both a card, by the lists of who invited."""
    cards_dealt: int
    """Cards for it, by the record of the game."""


@dataclass(frozen=True, slots=True)
class ChatFigures:
    """What people wrote to each other."""

    messages: int
    """That the mesh has accepted."""
    delivered: int
    """Entries in the timelines of all who wrote or were written to."""
    messages_difference: int
    """Messages that a timeline lacks, has twice, has otherwise or has out of order."""
    streamed: int
    """Entries that came by streams, which were broken off and gone on with."""
    packets: int
    cards: int
    """What was sent along."""
    states_wrong: int
    """Of it, what messages say ended otherwise than it has."""


@dataclass(frozen=True, slots=True)
class CircleFigures:
    """What people did in circles."""

    posts: int
    comments: int
    comments_shown: int
    """By the post that all of them were written below."""
    likes: int
    likes_shown: int
    """Likewise."""
    refused: int
    """How often somebody's score was below what a circle asks for."""
    explained: int
    """Of these refusals, those that name the score that is needed."""
    taken_down: int
    """Posts that an operator took down because somebody had reported them: only their authors see them."""
    told: int
    """Authors who were told why."""


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """What people did with their devices."""

    asked: int
    """People whose app asked for a new token before the old one had ended."""
    refreshed: int
    revoked: int
    """Devices whose session was ended from another one."""
    revoked_ms: int
    """How long the gateway still took calls of them, milliseconds; -1 when it never refused any."""


@dataclass(frozen=True, slots=True)
class CreditFigures:
    """What became of somebody's credit score."""

    score: int
    """As the person was shown it; 0 when nobody has asked."""
    explained_score: int
    """What the reasons that the person was shown add up to."""
    told_score: int
    """What a merchant was told who had the person's consent."""
    refused: int
    """Questions without consent."""
    seen: int
    """Questions that the person was shown, with what became of them."""


@dataclass(frozen=True, slots=True)
class LeavingFigures:
    """Somebody who had everything erased."""

    erased: int
    login_refused: int
    texts_gone: int
    """Of those whose data was erased: how many wrote something that is gone for others, too."""


@dataclass(frozen=True, slots=True)
class PeopleFigures:
    """All of it."""

    verification: VerificationFigures
    invitations: InvitationFigures
    chat: ChatFigures
    circles: CircleFigures
    sessions: SessionFigures
    credit: CreditFigures
    leaving: LeavingFigures

    def complaints(self) -> Sequence[str]:
        """Everything that does not fit, in words; empty when all does."""
        verification, invitations, chat = self.verification, self.invitations, self.chat
        circles, sessions, credit, leaving = self.circles, self.sessions, self.credit, self.leaving
        checks = (
            (verification.verified == verification.applications, "applications were not verified"),
            (verification.cases_ended == verification.cases_read, "cases of verified people are still open"),
            (invitations.fulfilled == invitations.accepted, "accepted invitations were not fulfilled"),
            (
                invitations.cards_dealt == 2 * invitations.fulfilled,
                "cards for invitations are not two for each",
            ),
            (chat.messages_difference == 0, "messages are missing, too many or out of order"),
            (chat.states_wrong == 0, "messages show what was sent along in another state than it is in"),
            (circles.comments_shown == circles.comments, "a post does not count its comments"),
            (circles.likes_shown == circles.likes, "a post does not count its likes"),
            (circles.explained == circles.refused, "a circle has refused without naming the score needed"),
            (circles.told == circles.taken_down, "authors were not told why their post is gone"),
            (sessions.refreshed == sessions.asked, "tokens were not refreshed"),
            (0 <= sessions.revoked_ms < REVOKED_MS_MAX, "an ended session was taken for too long"),
            (credit.explained_score == credit.score, "the reasons of a score do not add up to it"),
            (credit.told_score == credit.score, "a merchant was told another score than the person"),
            (credit.seen == credit.refused + bool(credit.told_score), "questions about a person are hidden"),
            (leaving.login_refused == leaving.erased, "who had everything erased can sign in"),
            (leaving.texts_gone == leaving.erased, "texts of who had everything erased are still there"),
        )
        return [complaint for holds, complaint in checks if not holds]

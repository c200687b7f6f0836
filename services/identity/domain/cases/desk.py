"""The desk of cases: people read theirs and add to them, operators take and answer them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.identity.domain import pages
from services.identity.domain.cases.case import UNENDED, Author, Case, Note, Outcome, QueueFilter
from services.identity.domain.errors import CaseUnknown
from services.identity.domain.people import AccountId, CaseNumber
from services.identity.domain.ports import WallClock
from services.identity.domain.registration import Registration
from services.mesh.pages import Listing

Change = Callable[[Case], Case]
"""What becomes of a case. Pure; it may run twice, and what it raises changes nothing."""
Position = tuple[int, CaseNumber]
"""Where a list of cases goes on: after the case opened then with that number."""

_QUEUE = Listing("case-queue")


@dataclass(frozen=True, slots=True)
class NewNote:
    """A note to be kept once."""

    request_id: str
    note: Note


class CaseStore(Protocol):
    """Keeps cases. What is written is atomic and durable on return."""

    async def find(self, case_number: CaseNumber, account_id: AccountId | None) -> Case | None:
        """The case, or None; with an account, only a case of that one."""
        ...

    async def notes(self, case_number: CaseNumber) -> Sequence[Note]:
        """What was written to it, the oldest first."""
        ...

    async def of_account(self, account_id: AccountId, before: Position | None, limit: int) -> Sequence[Case]:
        """The account's cases, the newest first."""
        ...

    async def queue(self, wanted: QueueFilter, after: Position | None, limit: int) -> Sequence[Case]:
        """Cases that have not ended, the oldest first."""
        ...

    async def change(self, case_number: CaseNumber, change: Change) -> Case:
        """Does something to a case that is held meanwhile. Raises `CaseUnknown`, and what `change` raises."""
        ...

    async def add_note(
        self, case_number: CaseNumber, account_id: AccountId | None, new: NewNote, change: Change
    ) -> Case:
        """As `change`, and keeps the note with it; with a request id seen before, only finds the case.

        Raises `CaseUnknown`, `RequestIdReused` when it came with another note, and what `change` raises.
        """
        ...

    async def lapse(self, opened_before_ms: int, asked_before_ms: int, now_ms: int, limit: int) -> int:
        """Ends cases that nobody goes on with, `limit` at most; how many there were.

        Answers open ones from before the first time that nobody has touched since, and those whose person was
        last asked before the second; of the latter, what only operators may end goes back to them.
        """
        ...


@dataclass(frozen=True, slots=True)
class CasePage:
    """Part of a list of cases."""

    cases: Sequence[Case]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class CaseTerms:
    """Bounds of cases."""

    notes_max: int
    overdue_s: int
    lapse_s: int
    silence_s: int
    """How long a person who was asked something may say nothing."""


class CaseDesk:
    """What people and operators do with cases."""

    def __init__(
        self, store: CaseStore, registration: Registration, clock: WallClock, terms: CaseTerms
    ) -> None:
        self._store = store
        self._registration = registration
        self._clock = clock
        self._terms = terms

    @property
    def overdue_s(self) -> int:
        """Age from which a case is overdue, seconds."""
        return self._terms.overdue_s

    async def of_person(
        self, account_id: AccountId, login_secret: str, case_number: CaseNumber
    ) -> tuple[Case, Sequence[Note]]:
        """A case with its notes. Raises `AccountUnknown`, `SecretWrong`, `CaseUnknown`."""
        await self._registration.owned(account_id, login_secret)
        return await self._read(case_number, account_id)

    async def listed(
        self, account_id: AccountId, login_secret: str, page_size: int, page_token: str
    ) -> CasePage:
        """The account's cases. Raises `AccountUnknown`, `SecretWrong`, `PageTokenInvalid`."""
        await self._registration.owned(account_id, login_secret)
        size = page_size or pages.PAGE_ITEMS_DEFAULT
        of_list = Listing("cases", account_id)
        before = _position(of_list, page_token)
        return _page(of_list, await self._store.of_account(account_id, before, size + 1), size)

    async def add(
        self,
        account_id: AccountId,
        login_secret: str,
        case_number: CaseNumber,
        request_id: str,
        text: str,
        photo_reference: str,
    ) -> Case:
        """Adds a note of the person, once.

        Raises `AccountUnknown`, `SecretWrong`, `CaseUnknown`, `RequestIdReused`, `CaseEnded`,
        `CaseNoteLimitReached`.
        """
        await self._registration.owned(account_id, login_secret)
        note = Note(Author.PERSON, text, photo_reference, self._clock.now_ms())
        return await self._store.add_note(
            case_number,
            account_id,
            NewNote(request_id, note),
            lambda case: case.added_to(self._terms.notes_max),
        )

    async def queue(self, wanted: QueueFilter, page_size: int, page_token: str) -> CasePage:
        """The operators' queue. Raises `PageTokenInvalid`."""
        assert set(wanted.states) <= set(UNENDED), "what has ended is in no queue"
        size = page_size or pages.PAGE_ITEMS_DEFAULT
        after = _position(_QUEUE, page_token)
        return _page(_QUEUE, await self._store.queue(wanted, after, size + 1), size)

    def overdue(self, wanted: QueueFilter) -> QueueFilter:
        """The same, but only what is overdue now."""
        before_ms = self._clock.now_ms() - 1000 * self._terms.overdue_s + 1
        return QueueFilter(wanted.states, wanted.reason, wanted.step, before_ms)

    async def read(self, case_number: CaseNumber) -> tuple[Case, Sequence[Note]]:
        """Any case with its notes, for an operator. Raises `CaseUnknown`."""
        return await self._read(case_number, None)

    async def take(self, case_number: CaseNumber, operator: str) -> Case:
        """Puts a case into an operator's hands. Raises `CaseUnknown`, `CaseEnded`, `CaseTaken`."""
        return await self._store.change(case_number, lambda case: case.taken(operator))

    async def ask(self, case_number: CaseNumber, operator: str, request_id: str, text: str) -> Case:
        """Asks the person something, once.

        Raises `CaseUnknown`, `RequestIdReused`, `CaseEnded`, `CaseTaken`, `CaseNoteLimitReached`.
        """
        note = Note(Author.OPERATOR, text, "", self._clock.now_ms())
        return await self._store.add_note(
            case_number,
            None,
            NewNote(request_id, note),
            lambda case: case.asked(operator, self._terms.notes_max),
        )

    async def answer(self, case_number: CaseNumber, operator: str, outcome: Outcome, words: str) -> Case:
        """Ends a case. Raises `CaseUnknown`, `CaseEnded`, `CaseTaken`."""
        now_ms = self._clock.now_ms()
        return await self._store.change(
            case_number, lambda case: case.answered(operator, outcome, words, now_ms)
        )

    async def lapse(self, limit: int) -> int:
        """Answers some of the cases that nobody came back to for long; how many."""
        now_ms = self._clock.now_ms()
        terms = self._terms
        opened_before_ms, asked_before_ms = (
            now_ms - 1000 * past for past in (terms.lapse_s, terms.silence_s)
        )
        return await self._store.lapse(opened_before_ms, asked_before_ms, now_ms, limit)

    async def _read(
        self, case_number: CaseNumber, account_id: AccountId | None
    ) -> tuple[Case, Sequence[Note]]:
        case = await self._store.find(case_number, account_id)
        if case is None:
            raise CaseUnknown(account_id, case_number)
        return case, await self._store.notes(case_number) if case.note_count else ()


def _page(of_list: Listing, found: Sequence[Case], size: int) -> CasePage:
    if len(found) <= size:
        return CasePage(found, "")
    last = found[size - 1]
    return CasePage(found[:size], of_list.token(last.opened_ms, last.case_number))


def _position(of_list: Listing, page_token: str) -> Position | None:
    last = pages.last_named(of_list, page_token)
    if last is None:
        return None
    opened_ms, case_number = last
    return opened_ms, CaseNumber(case_number)

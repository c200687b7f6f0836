"""What identity tells about people, as far as it concerns those who know each other."""

from __future__ import annotations

from dataclasses import dataclass

from services.social.domain.relation import PersonId


@dataclass(frozen=True, slots=True)
class PersonVerified:
    """A real person stands behind a number from now on: once for a number, never for one that was merged."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class PersonsMerged:
    """A provisional person turned out to be one who was known: what the first has belongs to the second."""

    provisional: PersonId
    person: PersonId
    """Never itself merged into anybody."""

    def __post_init__(self) -> None:
        assert self.provisional != self.person, "nobody turns out to be themself"


@dataclass(frozen=True, slots=True)
class PersonErased:
    """What a person has said goes; their number stays."""

    person: PersonId


PersonNews = PersonVerified | PersonsMerged | PersonErased


@dataclass(frozen=True, slots=True)
class PersonEvent:
    """A piece of news, and where it came from."""

    seq: int
    """Position in identity's feed, from 1."""
    time_ms: int
    """When it happened, milliseconds since the Unix epoch."""
    trace_context: str
    """W3C traceparent of the request that caused it; empty when that was not sampled."""
    news: PersonNews

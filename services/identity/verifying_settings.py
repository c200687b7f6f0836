"""What verification step by step can be told: part of the identity service's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from services.identity.domain.people import Tier
from services.identity.domain.verifying.moods import PPM, Moods
from services.identity.domain.verifying.steps import StepKind, check_level
from services.mesh.database.settings import DatabaseSettings

_NAME, _CARD = StepKind.NAME_AND_NUMBER, StepKind.BANK_CARD
_PHOTOS = (StepKind.PHOTO_FRONT, StepKind.PHOTO_BACK, StepKind.PHOTO_HAND_HELD)


def _kinds(words: object) -> object:
    if not isinstance(words, str):
        return words
    try:
        return tuple(StepKind[word.strip()] for word in words.split(",") if word.strip())
    except KeyError as unknown:
        raise ValueError(f"there is no step {unknown}") from None


def _photos_url(url: str | None) -> str | None:
    if url is not None and not url.startswith(("file:", "s3://")):
        raise ValueError("photos are kept at file:<folder> or s3://<bucket>/<prefix>")
    return url


Kinds = Annotated[tuple[StepKind, ...], NoDecode, BeforeValidator(_kinds)]
"""Steps that the environment gives by name between commas."""


class VerifyingSettings(DatabaseSettings):
    """Knobs of verification step by step."""

    identity_level_1_steps: Kinds = (_NAME,)
    """Steps of an application for tier I. Who passes all of them must have the tier."""
    identity_level_2_steps: Kinds = (_NAME, *_PHOTOS, _CARD)
    """Steps of an application for tier II."""
    identity_level_3_steps: Kinds = (_NAME, *_PHOTOS, _CARD, _CARD, _CARD)
    """Steps of an application for tier III."""
    identity_applications_max: int = Field(default=20, ge=1, le=1_000)
    """Applications of an account, over its lifetime."""
    identity_submissions_max: int = Field(default=5, ge=1, le=100)
    """How often an application may come back for other evidence; the last time ends it."""
    identity_evidence_max: int = Field(default=60, ge=1, le=1_000)
    """How often evidence may be given to one application."""
    identity_verification_poll_ms: int = Field(default=500, ge=1, le=60_000)
    """Time between two looks for an application that another replica may have changed, milliseconds."""

    # Photos.
    identity_photos_url: Annotated[str | None, AfterValidator(_photos_url)] = None
    """Where photos are kept: `file:<folder>` or `s3://<bucket>/<prefix>`. Default: `photos` in the folder of
    `database_url`; with PostgreSQL, none: photos are refused as long as nothing is set."""
    identity_photos_endpoint: str | None = None
    """Address of the store that speaks S3; the cloud's own when it is not set."""
    identity_photos_region: str = "us-east-1"
    """Region of the bucket, as the store calls it."""
    identity_photos_access_key: str | None = None
    """Name to sign in to the store with; what the machine is given when it is not set."""
    identity_photos_secret_key: SecretStr | None = None
    """Its secret."""
    identity_photos_timeout_ms: int = Field(default=2_000, ge=1, le=60_000)
    """Longest wait for the store to connect, and for each answer, milliseconds."""
    identity_photos_tries: int = Field(default=2, ge=1, le=10)
    """Tries of one request to the store."""
    identity_photos_threads: int = Field(default=4, ge=1, le=64)
    """Photos that are written or read at once."""
    identity_photo_side_min: int = Field(default=480, ge=1, le=65_535)
    """Shortest side of a photo, pixels."""
    identity_photo_side_max: int = Field(default=8_192, ge=1, le=65_535)
    """Longest side of a photo, pixels."""
    identity_photo_grace_s: int = Field(default=3_600, ge=60, le=86_400)
    """How long a photo is kept before an application refers to it, seconds: longer than any call lasts."""
    identity_photos_rejected_kept_s: int = Field(default=30 * 86_400, ge=0, le=3_660 * 86_400)
    """How long photos of a rejected application are kept, seconds."""
    identity_photo_removals: int = Field(default=100, ge=1, le=10_000)
    """Photos that are removed in one go."""
    identity_photo_removal_pause_s: int = Field(default=60, ge=1, le=86_400)
    """Time between two looks for photos that can be removed, seconds."""

    # The desk that asks providers.
    identity_desk_questions_max: int = Field(default=64, ge=1, le=10_000)
    """Questions to providers that a process asks at once."""
    identity_desk_tries_max: int = Field(default=4, ge=1, le=100)
    """How often a provider is asked before it counts as silent."""
    identity_desk_pause_ms: int = Field(default=2_000, ge=1, le=600_000)
    """Pause after the first try, milliseconds; it doubles with every further one."""
    identity_desk_pause_ms_max: int = Field(default=60_000, ge=1, le=86_400_000)
    """Longest pause, milliseconds."""
    identity_desk_lease_ms: int = Field(default=30_000, ge=10, le=600_000)
    """How long a question is left to the process that took it up, milliseconds."""
    identity_desk_poll_ms: int = Field(default=500, ge=1, le=60_000)
    """Time between two looks for questions that are due, milliseconds."""

    # Simulated providers, when an application asks them.
    identity_authority_latency_ms: int = Field(default=0, ge=0, le=60_000)
    """Time that the simulated ID authority takes to look at photos, milliseconds."""
    identity_authority_timeout_ms: int = Field(default=1_000, ge=1, le=60_000)
    """Longest wait for the ID authority, and for a simulated provider that says nothing, milliseconds."""
    identity_report_after_ms: int = Field(default=5_000, ge=0, le=86_400_000)
    """Time after which simulated providers report what they did not answer at once, milliseconds."""
    identity_reports_max: int = Field(default=1_024, ge=1, le=100_000)
    """Such reports on their way at once; further ones are forgotten."""
    identity_late_ppm: int = Field(default=0, ge=0, le=PPM)
    """Share of questions that are answered too late, by a report, parts per million."""
    identity_twice_ppm: int = Field(default=0, ge=0, le=PPM)
    """Share of questions that are answered twice, parts per million."""
    identity_contradicting_ppm: int = Field(default=0, ge=0, le=PPM)
    """Share of questions that are answered twice, and not alike, parts per million."""
    identity_failing_ppm: int = Field(default=0, ge=0, le=PPM)
    """Share of questions that fail once, parts per million."""
    identity_silent_ppm: int = Field(default=0, ge=0, le=PPM)
    """Share of questions that are never answered, parts per million."""

    @model_validator(mode="after")
    def _fit_together(self) -> VerifyingSettings:
        for level, kinds in self.levels.items():
            check_level(kinds, level)
        shares = (
            self.identity_late_ppm,
            self.identity_twice_ppm,
            self.identity_contradicting_ppm,
            self.identity_failing_ppm,
            self.identity_silent_ppm,
        )
        if sum(shares) > PPM:
            raise ValueError("the shares of moods are more than the whole")
        if self.identity_photo_side_min > self.identity_photo_side_max:
            raise ValueError("the shortest side of a photo is above the longest")
        return self

    @property
    def levels(self) -> Mapping[Tier, tuple[StepKind, ...]]:
        """What each level asks for."""
        return {
            Tier.I: self.identity_level_1_steps,
            Tier.II: self.identity_level_2_steps,
            Tier.III: self.identity_level_3_steps,
        }

    @property
    def moods(self) -> Moods:
        """Shares of the simulated providers' moods."""
        return Moods(
            late_ppm=self.identity_late_ppm,
            twice_ppm=self.identity_twice_ppm,
            contradicting_ppm=self.identity_contradicting_ppm,
            failing_ppm=self.identity_failing_ppm,
            silent_ppm=self.identity_silent_ppm,
        )

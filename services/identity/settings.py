"""What the identity service can be told."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from services.identity.verifying_settings import VerifyingSettings


class IdentitySettings(VerifyingSettings):
    """Knobs of identity; environment variables start with `HONGBAO_IDENTITY_` for those below and above."""

    service: ClassVar[str] = "identity"

    identity_key: SecretStr | None = Field(default=None, min_length=64, max_length=64)
    """Master key, 64 hexadecimal digits; every other key is kept under it. Wins over the file."""
    identity_other_keys: list[SecretStr] = Field(default=[], max_length=16)
    """Master keys that are known beside it, a JSON list: earlier ones, while anything is under them, and the
    next one, until all replicas know it."""
    identity_key_file: str | None = None
    """File with master keys, one a line, the current one first; made with mode 0600 when it is missing and
    the database is new, and read again while the service runs. Default: `identity.key` in the folder of
    `database_url`; with PostgreSQL one of the two must be given: all replicas need the same keys."""
    identity_keys_poll_ms: int = Field(default=5_000, ge=10, le=600_000)
    """Time between two looks at the master keys given, milliseconds."""
    identity_keys_batch: int = Field(default=200, ge=1, le=10_000)
    """Keys that are wrapped anew in one transaction after a rotation."""
    identity_keys_pause_ms: int = Field(default=50, ge=0, le=60_000)
    """Pause between two such transactions, milliseconds: others come first."""
    identity_token_ttl_s: int = Field(default=900, ge=60, le=86_400)
    """Life of an access token, seconds. Revocations are remembered for so long."""
    identity_refresh_ttl_s: int = Field(default=30 * 86_400, ge=60, le=366 * 86_400)
    """Life of a refresh token, seconds: who does not come back for so long logs in again."""
    identity_session_ttl_s: int = Field(default=180 * 86_400, ge=60, le=3_660 * 86_400)
    """Life of a session, however often it is refreshed, seconds."""
    identity_refresh_grace_s: int = Field(default=60, ge=0, le=3_600)
    """Time in which the request that used a refresh token may repeat after a lost answer, seconds."""
    identity_sessions_max: int = Field(default=20, ge=1, le=1_000)
    """Open sessions of an account; one more ends the one that was refreshed longest ago."""
    identity_revocation_poll_ms: int = Field(default=500, ge=10, le=5_000)
    """Time between two looks for revocations by other replicas while somebody follows them, milliseconds."""
    identity_revocation_batch: int = Field(default=1_000, ge=1, le=1_000)
    """Revocations of one message."""
    identity_chores_pause_s: int = Field(default=60, ge=1, le=86_400)
    """Time between two rounds of forgetting ended sessions and of ending forgotten cases, seconds."""
    identity_chores_batch: int = Field(default=500, ge=1, le=10_000)
    """Rows of one transaction of such a round."""
    identity_case_notes_max: int = Field(default=40, ge=1, le=1_000)
    """Notes of a case, by the person and operators together."""
    identity_case_overdue_s: int = Field(default=2 * 86_400, ge=60, le=366 * 86_400)
    """Age from which a case that waits for an operator is overdue, seconds."""
    identity_case_lapse_s: int = Field(default=30 * 86_400, ge=60, le=3_660 * 86_400)
    """Age at which a case that nobody came back to is answered by itself, seconds."""
    identity_case_silence_s: int = Field(default=90 * 86_400, ge=60, le=3_660 * 86_400)
    """Time after which a case whose person was asked something, and says nothing, is answered by itself,
    seconds."""
    identity_token_generation: int = Field(default=1, ge=1, le=1_000_000)
    """Which signing key is used; raise it by one to rotate, at most once in the life of an access token. The
    one after it is published before it signs, and the ones before it stay published."""
    identity_token_generations_kept: int = Field(default=2, ge=1, le=8)
    """Signing keys that are published, the current one included, beside the next one."""
    identity_failed_checks_max: int = Field(default=20, ge=1, le=1_000)
    """Failed checks of an account within the window before more are refused."""
    identity_failed_checks_window_s: int = Field(default=86_400, ge=60, le=30 * 86_400)
    """The window, seconds."""
    identity_registry_timeout_ms: int = Field(default=300, ge=1, le=60_000)
    """Longest wait for the population registry, milliseconds."""
    identity_registry_questions_max: int = Field(default=256, ge=1, le=10_000)
    """Questions to the population registry at once; the others wait their turn."""
    identity_registry_seed: int = Field(default=2016, ge=0, le=2**63 - 1)
    """Seed of the simulated population registry and banks: who is called what, who has which cards."""
    identity_registry_latency_ms: int = Field(default=0, ge=0, le=60_000)
    """Time that the simulated registry takes for an answer, milliseconds."""
    identity_cards_max: int = Field(default=10, ge=1, le=50)
    """Bank cards of a person that are bound at the same time; the contract shows them on one page."""
    identity_bank_timeout_ms: int = Field(default=1_000, ge=1, le=60_000)
    """Longest wait for a bank, milliseconds."""
    identity_bank_questions_max: int = Field(default=256, ge=1, le=10_000)
    """Questions to all banks at once; the others wait their turn."""
    identity_bank_latency_ms: int = Field(default=0, ge=0, le=60_000)
    """Time that the simulated banks take for an answer, milliseconds."""

    identity_retention_days: int = Field(default=1_827, ge=1, le=36_525)
    """Days that name and resident ID of a verified person are kept after the last account has gone: what the
    law against money laundering asks for, five years by default."""
    identity_purge_people: int = Field(default=100, ge=1, le=10_000)
    """People whose time is over that are looked at in one transaction."""
    identity_purge_pause_s: int = Field(default=600, ge=1, le=86_400)
    """Time between two looks for people whose time is over, seconds."""
    identity_credit_score_age_s: int = Field(default=86_400, ge=1, le=30 * 86_400)
    """Age at which a credit score is computed anew, seconds; at once for what identity itself hears of."""
    identity_credit_score_retry_s: int = Field(default=60, ge=1, le=86_400)
    """As above, for a score for which settlement or social could not be asked, seconds."""
    identity_credit_scores_max: int = Field(default=60, ge=1, le=10_000)
    """Scores of a person that are kept, the newest included."""
    identity_credit_source_timeout_ms: int = Field(default=500, ge=1, le=60_000)
    """Longest wait for settlement or social when a score is computed, milliseconds."""
    identity_credit_source_pause_ms: int = Field(default=1_000, ge=0, le=600_000)
    """Time for which neither is asked again after it did not answer, milliseconds."""
    identity_credit_source_questions_max: int = Field(default=64, ge=1, le=10_000)
    """Questions to each of them at once; the others wait their turn."""
    identity_credit_consents_max: int = Field(default=50, ge=1, le=1_000)
    """Consents of a person that are open or were given within a day."""
    identity_credit_consent_days_max: int = Field(default=366, ge=1, le=3_660)
    """Longest time that a consent may be given for, days."""
    identity_credit_queries_max: int = Field(default=100_000, ge=1, le=1_000_000_000)
    """Queries of a partner on one day in Beijing; each is a row that is kept."""
    identity_credit_loans_max: int = Field(default=20, ge=1, le=10_000)
    """Loans that a lender may have open with one person."""
    identity_credit_records_days: int = Field(default=1_826, ge=366, le=36_600)
    """How long queries, ended consents, closed loans and judged conduct are kept, days: five years."""
    identity_credit_purge_pause_s: int = Field(default=3_600, ge=1, le=86_400)
    """Time between two looks for records whose time is over, seconds."""
    identity_credit_purge_batch_max: int = Field(default=500, ge=1, le=10_000)
    """Records of a kind that are removed in one transaction."""

    @model_validator(mode="after")
    def _know_a_key(self) -> Self:
        if self.key_file is None and self.identity_key is None:
            raise ValueError("HONGBAO_IDENTITY_KEY or HONGBAO_IDENTITY_KEY_FILE is needed with PostgreSQL")
        return self

    @property
    def key_file(self) -> Path | None:
        """Where the master key is, unless it was given itself."""
        if self.identity_key_file is not None:
            return Path(self.identity_key_file)
        if self.database_url.startswith("sqlite:"):
            return Path(self.database_url.removeprefix("sqlite:")) / "identity.key"
        return None

"""What the social service can be told."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from services.mesh.database.settings import DatabaseSettings


class SocialSettings(DatabaseSettings):
    """Knobs of social; environment variables start with `HONGBAO_SOCIAL_` for those below."""

    service: ClassVar[str] = "social"

    concurrent_rpcs_max: int = Field(default=32_768, ge=1, le=1_000_000)
    """Calls that the server works on at once; more than chat may take, so that its own limits decide."""

    database_mapped_bytes: int = Field(default=16 << 30, ge=0, le=1 << 40)
    """As elsewhere. Mapped, ten million friendships are looked up three times as fast."""

    social_friends_max: int = Field(default=5_000, ge=1, le=1_000_000)
    """Most friends of one person."""
    social_requests_max: int = Field(default=1_000, ge=1, le=1_000_000)
    """Most unanswered requests that one person has out."""
    social_blocked_max: int = Field(default=5_000, ge=1, le=1_000_000)
    """Most people that one person has blocked."""
    social_ask_again_after_s: int = Field(default=86_400, ge=0, le=365 * 86_400)
    """Time after which a declined request can be made again, seconds."""
    social_group_members_max: int = Field(default=500, ge=1, le=1_000)
    """Most members of one group."""
    social_groups_max: int = Field(default=1_000, ge=1, le=1_000_000)
    """Most groups that one person is in."""
    social_group_invitations_max: int = Field(default=500, ge=1, le=10_000)
    """Most invitations to one group that wait for an answer."""
    social_group_invitation_s: int = Field(default=7 * 86_400, ge=1, le=365 * 86_400)
    """How long an invitation to a group is good for, seconds."""
    social_invitation_campaigns_max: int = Field(default=100, ge=1, le=1_000_000)
    """Most campaigns to which one person invites."""
    social_invited_max: int = Field(default=1_000, ge=1, le=1_000_000)
    """Most persons who accept one invitation."""
    social_merges_look_ms: int = Field(default=30_000, ge=10, le=3_600_000)
    """Time between two looks at recent merges of persons, milliseconds."""
    social_merges_recent_s: int = Field(default=3_600, ge=1, le=30 * 86_400)
    """How long a merge is recent: longer than tokens of the earlier person live, seconds."""
    social_merges_look_max: int = Field(default=10_000, ge=1, le=1_000_000)
    """Most merges that one look takes, the newest."""
    social_suggestion_friends_max: int = Field(default=200, ge=1, le=5_000)
    """Most friends of a person whose own friends are looked at for suggestions."""
    social_suggestion_theirs_max: int = Field(default=200, ge=1, le=5_000)
    """Most friends of each of them that are looked at."""
    social_people_connect_ms: int = Field(default=5_000, ge=1, le=600_000)
    """Longest wait for a member of identity before its feed is tried again, milliseconds."""
    social_people_records_per_commit_max: int = Field(default=16, ge=1, le=10_000)
    """Most records of identity's feed that take effect in one transaction."""

    social_circles_max: int = Field(default=20, ge=1, le=1_000_000)
    """Most circles that one person creates."""
    social_circle_texts_per_day_max: int = Field(default=200, ge=1, le=1_000_000)
    """Most posts and comments that one person writes in a day of Beijing."""
    social_circle_score_wait_ms: int = Field(default=1_000, ge=10, le=60_000)
    """Longest wait for identity's answer about a credit score, milliseconds."""
    social_circle_score_remember_ms: int = Field(default=30_000, ge=0, le=3_600_000)
    """How long a credit score is remembered, milliseconds."""
    social_circle_scores_max: int = Field(default=50_000, ge=1, le=10_000_000)
    """People whose credit scores are remembered; about 1 kB each."""
    social_circle_score_calls_max: int = Field(default=64, ge=1, le=10_000)
    """Most questions about credit scores that are under way at once; who comes then is told to try again."""
    social_circle_conduct_look_ms: int = Field(default=1_000, ge=10, le=600_000)
    """Time between two looks at what was taken down and identity has not been told of, milliseconds."""

    # Keys of what people write.
    social_key: SecretStr | None = Field(default=None, min_length=64, max_length=64)
    """Master key, 64 hexadecimal digits; keys of what people write are kept under it. Wins over the file."""
    social_other_keys: list[SecretStr] = Field(default=[], max_length=16)
    """Master keys that are known beside it, a JSON list: earlier ones, while anything is under them, and the
    next one, until all replicas know it."""
    social_key_file: str | None = None
    """File with master keys, one a line, the current one first; made with mode 0600 when it is missing and
    the database is new. Default: `social.key` in the folder of `database_url`; with PostgreSQL one of the two
    must be given."""
    social_keys_look_s: int = Field(default=60, ge=1, le=366 * 86_400)
    """Time between two looks at the master keys given, seconds."""
    social_keys_batch: int = Field(default=200, ge=1, le=10_000)
    """Keys that are wrapped anew in one transaction after a rotation."""
    social_keys_pause_ms: int = Field(default=50, ge=0, le=60_000)
    """Pause between two such transactions, milliseconds: others come first."""

    # Chat: what is over these bounds is refused at once, and takes nothing from relations and groups.
    social_chat_database_url: str | None = None
    """Where messages are. Default: as `database_url`, in a file and with connections of their own."""
    social_chat_readers: int = Field(default=2, ge=1, le=64)
    """Threads, and connections, that read messages."""
    social_chat_reads_max: int = Field(default=2_048, ge=1, le=1_000_000)
    """Most reads of messages that wait or run."""
    social_chat_queue_rows_max: int = Field(default=50_000, ge=1, le=10_000_000)
    """Most rows that wait to be written; a message takes two, and two for everybody who receives it."""
    social_chat_wait_ms_max: int = Field(default=1_000, ge=1, le=600_000)
    """Longest wait until a message is kept, milliseconds: longer by estimate is refused when it comes."""
    social_chat_batch_rows_max: int = Field(default=2_000, ge=1, le=1_000_000)
    """Most rows of one transaction; a message to a large group may be more, alone."""
    social_chat_calls_max: int = Field(default=2_048, ge=1, le=1_000_000)
    """Calls about messages, streams apart, that are under way; the rest are for relations and groups."""
    social_chat_streams_max: int = Field(default=16_384, ge=1, le=1_000_000)
    """Most timelines that are watched in this process at once."""
    social_chat_poll_ms: int = Field(default=200, ge=10, le=60_000)
    """Time between two looks at what replicas have written to timelines watched here, milliseconds."""
    social_chat_remember_ms: int = Field(default=3_000, ge=0, le=600_000)
    """How long it is remembered who are friends and who is in a group, milliseconds."""
    social_chat_relation_asks_max: int = Field(default=32, ge=1, le=10_000)
    """Questions about that which are under way at once: what chat takes of the readers of relations."""
    social_chat_pairs_max: int = Field(default=100_000, ge=1, le=10_000_000)
    """Pairs of people that it is remembered of; about 500 bytes each."""
    social_chat_groups_max: int = Field(default=1_000, ge=1, le=1_000_000)
    """Groups that it is remembered of; up to 50 kB each."""
    social_chat_keys_max: int = Field(default=50_000, ge=1, le=10_000_000)
    """People whose keys are remembered; about 1 kB each."""
    social_chat_keys_remember_s: int = Field(default=60, ge=0, le=86_400)
    """How long a key is remembered: so long erased words may still be read from a replica, seconds."""
    social_chat_keep_days: int = Field(default=90, ge=1, le=36_500)
    """How long messages are kept, days."""
    social_chat_purge_pause_s: int = Field(default=3_600, ge=1, le=366 * 86_400)
    """Time between two looks for messages that are older, seconds."""
    social_chat_purge_messages: int = Field(default=100, ge=1, le=10_000)
    """Messages that are taken away in one transaction."""
    social_chat_asks_max: int = Field(default=16, ge=1, le=10_000)
    """Questions to allocation and cards about what was sent along that are under way at once."""
    social_chat_asks_waiting_max: int = Field(default=500, ge=1, le=100_000)
    """Such questions that wait for their turn, or for the answer; for more, nobody knows."""
    social_chat_ask_ms: int = Field(default=500, ge=1, le=60_000)
    """Longest wait for such an answer, milliseconds."""
    social_chat_status_wait_ms: int = Field(default=300, ge=1, le=60_000)
    """Longest time that who reads messages waits for how things stand that were sent along, milliseconds."""
    social_chat_status_remember_ms: int = Field(default=1_000, ge=0, le=600_000)
    """How long it is remembered how something stands, milliseconds."""
    social_chat_statuses_max: int = Field(default=20_000, ge=1, le=10_000_000)
    """Things that it is remembered of; about 1 kB each."""

    @model_validator(mode="after")
    def _leave_room_for_relations(self) -> Self:
        chat = self.social_chat_streams_max + self.social_chat_calls_max
        if chat >= self.concurrent_rpcs_max:
            raise ValueError(f"HONGBAO_CONCURRENT_RPCS_MAX must be above {chat}, what chat alone may take")
        return self

    @property
    def key_file(self) -> Path | None:
        """Where the master key is, unless it was given itself."""
        if self.social_key_file is not None:
            return Path(self.social_key_file)
        if self.database_url.startswith("sqlite:"):
            return Path(self.database_url.removeprefix("sqlite:")) / "social.key"
        return None

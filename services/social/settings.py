"""What the social service can be told."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from services.mesh.database.settings import DatabaseSettings


class SocialSettings(DatabaseSettings):
    """Knobs of social; environment variables start with `HONGBAO_SOCIAL_` for those below."""

    service: ClassVar[str] = "social"

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
    social_people_connect_ms: int = Field(default=5_000, ge=1, le=600_000)
    """Longest wait for a member of identity before its feed is tried again, milliseconds."""
    social_people_records_per_commit_max: int = Field(default=16, ge=1, le=10_000)
    """Most records of identity's feed that take effect in one transaction."""

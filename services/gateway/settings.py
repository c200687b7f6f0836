"""What the gateway can be told."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from services.mesh.settings import MeshSettings, Words

LANES = ("taps", "people", "sharing", "chat", "money")
"""All kinds of calls that a gateway can answer."""


def _known_lanes(words: tuple[str, ...]) -> tuple[str, ...]:
    unknown = sorted(set(words) - set(LANES))
    if unknown or not words:
        raise ValueError(f"lanes are some of {', '.join(LANES)}")
    return tuple(lane for lane in LANES if lane in words)


Lanes = Annotated[Words, AfterValidator(_known_lanes)]
"""Some of `LANES`, in their order."""


class GatewaySettings(MeshSettings):
    """Knobs of the gateway; environment variables start with `HONGBAO_GATEWAY_` for those below."""

    service: ClassVar[str] = "gateway"

    concurrent_rpcs_max: int = Field(default=32_768, ge=1, le=1_000_000)
    """Calls that the server works on at once; more than all bulkheads together, so that they decide."""

    gateway_lanes: Lanes = LANES
    """Kinds of calls that this gateway answers: some of taps, people, sharing, chat and money. What another
    gateway answers costs this one nothing, whatever comes."""

    # Bulkheads: none of them can take the others' room.
    gateway_taps_max: int = Field(default=16_384, ge=1, le=1_000_000)
    """Taps that wait for the owner of a stock; more are refused with OVERLOADED."""
    gateway_share_calls_max: int = Field(default=2_048, ge=1, le=1_000_000)
    """Calls about envelopes, asks and groups that are under way."""
    gateway_social_calls_max: int = Field(default=2_048, ge=1, le=1_000_000)
    """Calls about friends and about cards in hands that are under way."""
    gateway_chat_calls_max: int = Field(default=1_024, ge=1, le=1_000_000)
    """Calls about messages and circles that are under way."""
    gateway_inboxes_max: int = Field(default=8_192, ge=1, le=1_000_000)
    """Streams of messages that are open: apps that wait for what others tell them."""
    gateway_inbox_token_look_ms: int = Field(default=2_000, ge=1, le=60_000)
    """How often it is looked whether the token of an open stream is still good, milliseconds."""
    gateway_money_calls_max: int = Field(default=1_024, ge=1, le=1_000_000)
    """Calls about withdrawals, statements and disputes that are under way."""
    gateway_other_calls_max: int = Field(default=2_048, ge=1, le=1_000_000)
    """All other forwarded calls that are under way."""
    gateway_retry_delay_ms: int = Field(default=200, ge=1, le=60_000)
    """When a refused call may be tried again at the earliest, milliseconds."""
    gateway_retry_delay_ms_max: int = Field(default=10_000, ge=1, le=600_000)
    """Longest delay that those are told who are too many in a second, milliseconds."""

    # Calls a second, everybody's together; 0: as many as come. Taps have a limit for each person instead,
    # chat and sharing have both.
    gateway_share_calls_per_s: int = Field(default=1_000, ge=0, le=1_000_000)
    """Calls about envelopes, asks and groups."""
    gateway_social_calls_per_s: int = Field(default=1_000, ge=0, le=1_000_000)
    """Calls about friends and about cards in hands."""
    gateway_chat_calls_per_s: int = Field(default=1_000, ge=0, le=1_000_000)
    """Calls about messages and circles."""
    gateway_money_calls_per_s: int = Field(default=1_000, ge=0, le=1_000_000)
    """Calls about withdrawals, statements and disputes."""
    gateway_other_calls_per_s: int = Field(default=2_000, ge=0, le=1_000_000)
    """All other forwarded calls: accounts, logins, wallets, rounds."""
    gateway_burst_ms: int = Field(default=1_000, ge=1, le=60_000)
    """As many of them as come in this time may come at once after a pause, milliseconds."""

    # Calls of one person, all apps together; more get CALL_RATE_EXCEEDED. 0 a second: as many as come. An app
    # that is opened reads a few lists, and what they name, at once.
    gateway_person_chat_calls_per_s: int = Field(default=5, ge=0, le=1_000_000)
    """Calls about messages and circles that one person may make a second; a stream counts at its start."""
    gateway_person_chat_calls_at_once: int = Field(default=50, ge=1, le=1_000_000)
    """Those that a person who has paused may make at once, before that rate counts."""
    gateway_person_share_calls_per_s: int = Field(default=5, ge=0, le=1_000_000)
    """Calls about envelopes, asks, groups and cards that one person may make a second."""
    gateway_person_share_calls_at_once: int = Field(default=50, ge=1, le=1_000_000)
    """Those that a person who has paused may make at once, before that rate counts."""
    gateway_paced_people_max: int = Field(default=200_000, ge=2, le=100_000_000)
    """People whose calls are counted, for either lane; about 120 bytes each. Those who called longest ago
    make room."""
    gateway_person_inboxes_max: int = Field(default=16, ge=1, le=1_000_000)
    """Streams of messages that one person may have open, all apps together; more get INBOX_LIMIT_REACHED."""

    # Taps of one person.
    gateway_taps_per_s: int = Field(default=10, ge=1, le=1_000_000)
    """Calls of Tap that one person may make a second, all apps together; more get TAP_RATE_EXCEEDED."""
    gateway_taps_at_once: int = Field(default=30, ge=1, le=1_000_000)
    """Calls that a person who has paused may make at once, before that rate counts."""
    gateway_tap_retry_cost_taps: int = Field(default=5, ge=1, le=1_000)
    """What a call with the retry mark counts for: each of them goes to the owner of the stock."""
    gateway_tap_people_max: int = Field(default=200_000, ge=2, le=100_000_000)
    """People whose calls are counted; about 120 bytes each. Those who tapped longest ago make room."""

    # Claims.
    gateway_batch_window_ms: int = Field(default=2, ge=1, le=1_000)
    """Longest time that a claim waits for others, milliseconds."""
    gateway_batch_claims_max: int = Field(default=1_024, ge=1, le=4_096)
    """Claims that fill a batch, which is then sent at once."""
    gateway_claim_timeout_ms: int = Field(default=1_500, ge=10, le=60_000)
    """Longest time for a batch to be answered, over all its attempts, milliseconds."""
    gateway_winners_max: int = Field(default=1_000_000, ge=1, le=100_000_000)
    """Packets remembered, over all rounds; about 250 bytes each. The oldest make room."""

    gateway_unanswered_max: int = Field(default=100_000, ge=1, le=10_000_000)
    """Claims remembered whose answers never came; the owner is asked again for them. The oldest make room."""

    # Tokens.
    gateway_tokens_max: int = Field(default=200_000, ge=1, le=10_000_000)
    """Verified tokens remembered; about 700 bytes each. The oldest make room."""
    gateway_revocations_max: int = Field(default=1_000_000, ge=1, le=100_000_000)
    """Revoked sessions remembered while tokens of theirs are alive; about 200 bytes each. When there are
    more, tokens that end soonest count as expired."""
    gateway_revocation_silence_ms: int = Field(default=2_200, ge=1_500, le=60_000)
    """Silence after which revocations are followed at another instance of identity, milliseconds. It speaks
    at least once a second; twice this, for two instances that are frozen, stays under five seconds."""
    gateway_key_refresh_s: int = Field(default=60, ge=1, le=86_400)
    """How often identity's keys are read again, seconds."""
    gateway_key_refresh_pause_ms: int = Field(default=1_000, ge=1, le=60_000)
    """Shortest time between two readings of the keys because of unknown key ids, milliseconds."""

    @model_validator(mode="after")
    def _let_people_repeat(self) -> Self:
        if self.gateway_tap_retry_cost_taps > self.gateway_taps_at_once:
            raise ValueError(
                "HONGBAO_GATEWAY_TAP_RETRY_COST_TAPS must not exceed HONGBAO_GATEWAY_TAPS_AT_ONCE:"
                " no call with the retry mark would ever be let through"
            )
        return self

    @model_validator(mode="after")
    def _leave_room_for_all(self) -> Self:
        bulkheads = self.gateway_taps_max + self.gateway_share_calls_max
        bulkheads += self.gateway_social_calls_max + self.gateway_money_calls_max
        bulkheads += self.gateway_chat_calls_max + self.gateway_other_calls_max + self.gateway_inboxes_max
        if bulkheads > self.concurrent_rpcs_max:
            raise ValueError(
                f"HONGBAO_CONCURRENT_RPCS_MAX must be at least {bulkheads}, the sum of the gateway's limits"
            )
        return self

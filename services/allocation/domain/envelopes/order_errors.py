"""Why an envelope cannot be sent as it was ordered: one class for each reason of the contract."""

from __future__ import annotations

from services.allocation.domain.envelopes.values import EnvelopeId, GroupId
from services.allocation.domain.errors import AllocationError
from services.allocation.domain.values import PersonId
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class NotInGroup(AllocationError):
    """The sender is not a member of the group."""

    kind = ErrorKind.DENIED
    reason = "NOT_IN_GROUP"
    localized = sentence("你不在这个群里。", "You are not in this group.")

    def __init__(self, group_id: GroupId, person_id: PersonId) -> None:
        super().__init__(
            f"person {person_id} is not in group {group_id}", group_id=group_id, person_id=person_id
        )


class SelfEnvelope(AllocationError):
    """Sender and receiver are the same."""

    kind = ErrorKind.INVALID
    reason = "SELF_ENVELOPE"
    localized = sentence("不能给自己发红包。", "You cannot send a packet to yourself.")

    def __init__(self, person_id: PersonId) -> None:
        super().__init__(f"person {person_id} cannot send to themselves", person_id=person_id)


class AmountTooLarge(AllocationError):
    """More than one envelope may hold."""

    kind = ErrorKind.INVALID
    reason = "AMOUNT_TOO_LARGE"
    localized = sentence("金额超过单个红包的上限。", "The amount is more than one packet may hold.")

    def __init__(self, amount_fen: int, amount_fen_max: int) -> None:
        super().__init__(
            f"{amount_fen} fen are more than {amount_fen_max}",
            amount_fen=amount_fen,
            amount_fen_max=amount_fen_max,
        )


class SharesTooMany(AllocationError):
    """More shares than one envelope may have."""

    kind = ErrorKind.INVALID
    reason = "SHARES_TOO_MANY"
    localized = sentence("红包个数超过上限。", "More shares than one packet may have.")

    def __init__(self, share_count: int, share_count_max: int) -> None:
        super().__init__(
            f"{share_count} shares are more than {share_count_max}",
            share_count=share_count,
            share_count_max=share_count_max,
        )


class ShareTooSmall(AllocationError):
    """Not enough for everyone's smallest share."""

    kind = ErrorKind.INVALID
    reason = "SHARE_TOO_SMALL"
    localized = sentence("单个红包金额太小。", "The amount is too small for so many shares.")

    def __init__(self, amount_fen: int, share_count: int, share_fen_min: int) -> None:
        super().__init__(
            f"{amount_fen} fen do not make {share_count} shares of at least {share_fen_min} fen",
            amount_fen=amount_fen,
            share_count=share_count,
            share_fen_min=share_fen_min,
        )


class AmountNotDivisible(AllocationError):
    """Equal shares would not be whole fen."""

    kind = ErrorKind.INVALID
    reason = "AMOUNT_NOT_DIVISIBLE"
    localized = sentence(
        "总金额不能平均分成整分。", "The amount cannot be divided into equal shares of whole fen."
    )

    def __init__(self, amount_fen: int, share_count: int) -> None:
        super().__init__(
            f"{amount_fen} fen are not {share_count} equal shares",
            amount_fen=amount_fen,
            share_count=share_count,
        )


class NoteTooLong(AllocationError):
    """The note has too many characters."""

    kind = ErrorKind.INVALID
    reason = "NOTE_TOO_LONG"
    localized = sentence("祝福语太长了。", "The note is too long.")

    def __init__(self, characters: int, characters_max: int) -> None:
        super().__init__(
            f"a note has at most {characters_max} characters",
            characters=characters,
            characters_max=characters_max,
        )


class EnvelopesTooMany(AllocationError):
    """The sender has too many open envelopes, or has sent too many in the last days."""

    kind = ErrorKind.EXHAUSTED
    reason = "ENVELOPES_TOO_MANY"
    localized = sentence(
        "您发出的红包太多了，请等未领完的被领完或过期，或过几天再发。",
        "You have sent too many packets. Please wait for open ones to be claimed or to expire, or for a few"
        " days.",
    )

    def __init__(self, person_id: PersonId, envelopes_max: int) -> None:
        super().__init__(
            f"person {person_id} has {envelopes_max} envelopes already",
            person_id=person_id,
            envelopes_max=envelopes_max,
        )


class EnvelopesFull(AllocationError):
    """The shard keeps no more envelopes."""

    kind = ErrorKind.EXHAUSTED
    reason = "ENVELOPES_FULL"
    retry_delay_ms = 1000
    localized = sentence("系统繁忙，请稍后再发。", "Too much is going on. Please send it later.")

    def __init__(self, shard: int, envelopes_max: int) -> None:
        super().__init__(
            f"shard {shard} keeps {envelopes_max} envelopes", shard=shard, envelopes_max=envelopes_max
        )


class PacketReissued(AllocationError):
    """The packet was sent on before."""

    kind = ErrorKind.PRECONDITION
    reason = "PACKET_REISSUED"
    localized = sentence("这个红包已经转发过了。", "You have sent this packet on already.")

    def __init__(self, envelope_id: EnvelopeId) -> None:
        super().__init__(f"the packet was sent on as envelope {envelope_id}", envelope_id=envelope_id)


class ReissueTooLate(AllocationError):
    """The packet was got too long ago."""

    kind = ErrorKind.PRECONDITION
    reason = "REISSUE_TOO_LATE"
    localized = sentence("这个红包已过了转发时间。", "It is too late to send this packet on.")

    def __init__(self, until_ms: int) -> None:
        super().__init__(f"the packet could be sent on until {until_ms}", until_ms=until_ms)


class ReissueTooDeep(AllocationError):
    """The packet was sent on as often as one may be."""

    kind = ErrorKind.PRECONDITION
    reason = "REISSUE_TOO_DEEP"
    localized = sentence("这个红包已被转发太多次。", "This packet has been sent on as often as one may be.")

    def __init__(self, depth_max: int) -> None:
        super().__init__(f"a packet is sent on at most {depth_max} times", depth_max=depth_max)

"""Persons who are somebody else."""

from __future__ import annotations

from services.cards.domain.errors import CardsError
from services.cards.domain.vocabulary import PersonId
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class PersonMerged(CardsError):
    """The person turned out to be another one, who was known already, and who may complete."""

    kind = ErrorKind.PRECONDITION
    reason = "PERSON_MERGED"
    localized = sentence(
        "你的账号已与你的另一个账号合并，请重新登录。",
        "This account and another one of yours are one now: please sign in again.",
    )

    def __init__(self, person_id: PersonId, merged_into_person_id: int) -> None:
        super().__init__(
            f"person {person_id} is person {merged_into_person_id}",
            person_id=person_id,
            merged_into_person_id=merged_into_person_id,
        )

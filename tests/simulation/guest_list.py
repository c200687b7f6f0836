"""Who is invited to a simulated evening."""

from __future__ import annotations

from services.cli.gala.people import invent_people
from tests.simulation.chance import chance
from tests.simulation.guests import Guest, World


def invite(count: int, with_two_accounts: int, strangers: int, world: World, seed: str) -> list[Guest]:
    """Invents guests; the first few have a second account each, after all others in the list.

    Then come strangers, who do not say who they are at first: the first half of them are people whom nobody
    has seen before, the others are further accounts of people in the middle of the list.
    """
    invented = invent_people(count + strangers // 2, seed)
    people = invented[:count]
    guests = [
        Guest(person.name, person.resident_id, person.phone, world, chance(seed, f"{person.number}"))
        for person in people
    ]
    for person in people[:with_two_accounts]:
        phone = f"199{person.number:08d}"
        draw = chance(seed, f"{person.number}:second")
        guests.append(Guest(person.name, person.resident_id, phone, world, draw))
    middle = people[with_two_accounts : with_two_accounts + strangers - strangers // 2]
    for number, person in enumerate([*invented[count:], *middle]):
        draw = chance(seed, f"{person.number}:stranger")
        stranger = Guest(person.name, person.resident_id, f"198{number:08d}", world, draw)
        stranger.is_provisional = True
        guests.append(stranger)
    return guests

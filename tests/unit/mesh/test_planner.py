"""What the planner writes, given what etcd shows of a service."""

from __future__ import annotations

from collections.abc import Mapping

from services.mesh.etcd.values import KeyValue
from services.mesh.shards.planner import next_assignment
from services.mesh.shards.records import Member, ServiceKeys, ShardClaim, encode_plan

KEYS = ServiceKeys("cards")


def test_the_first_member_gets_everything_at_once() -> None:
    assert next_assignment(KEYS, store(members=["a"]), 4, moves_max=1) == dict.fromkeys(range(4), "a")


def test_without_members_nobody_gets_anything() -> None:
    assert next_assignment(KEYS, store(claims={0: "gone"}), 4, moves_max=1) == {}


def test_a_second_member_gets_one_shard_at_a_time() -> None:
    held = dict.fromkeys(range(4), "a")
    present = store(members=["a", "b"], plan=held, claims=held)
    assert sorted(next_assignment(KEYS, present, 4, moves_max=1).values()) == ["a", "a", "a", "b"]


def test_no_further_move_is_planned_while_one_is_under_way() -> None:
    planned = {0: "a", 1: "a", 2: "a", 3: "b"}
    still_with_a = store(members=["a", "b"], plan=planned, claims=dict.fromkeys(range(4), "a"))
    with_nobody = store(members=["a", "b"], plan=planned, claims=dict.fromkeys(range(3), "a"))
    still_loading = store(members=["a", "b"], plan=planned, claims=planned, loading={3})
    for present in (still_with_a, with_nobody, still_loading):
        assert next_assignment(KEYS, present, 4, moves_max=1) == planned
    arrived = store(members=["a", "b"], plan=planned, claims=planned)
    assert sorted(next_assignment(KEYS, arrived, 4, moves_max=1).values()) == ["a", "a", "b", "b"]


def test_shards_of_a_dead_member_are_given_at_once_even_while_moves_are_under_way() -> None:
    planned = {0: "a", 1: "b", 2: "dead", 3: "dead"}
    present = store(members=["a", "b"], plan=planned, claims={0: "b", 1: "b"})
    assert sorted(next_assignment(KEYS, present, 4, moves_max=1).values()) == ["a", "a", "b", "b"]


def test_a_plan_that_was_lost_starts_from_who_holds_what() -> None:
    held = {0: "b", 1: "a", 2: "b", 3: "a"}
    assert next_assignment(KEYS, store(members=["a", "b"], claims=held), 4, moves_max=1) == held


def test_a_shard_that_its_member_cannot_take_goes_to_another_and_stays_there() -> None:
    held, planned = {0: "a", 1: "a", 3: "b"}, {0: "a", 1: "a", 2: "b", 3: "b"}
    stuck = store(members=["a", "b"], plan=planned, claims=held, refused={2: ["b"]})
    moved = next_assignment(KEYS, stuck, 4, moves_max=1)
    assert moved == {0: "a", 1: "a", 2: "a", 3: "b"}
    # One more than its share: still better than nowhere, and no reason to move anything else to and fro.
    settled = store(members=["a", "b"], plan=moved, claims=moved, refused={2: ["b"]})
    assert next_assignment(KEYS, settled, 4, moves_max=1) == moved


def test_a_member_that_can_take_nothing_gets_nothing_and_holds_up_nobody() -> None:
    refused = {shard: ["b"] for shard in range(4)}
    held = dict.fromkeys(range(4), "a")
    present = store(members=["a", "b"], plan=held, claims=held, refused=refused)
    assert next_assignment(KEYS, present, 4, moves_max=1) == held
    with_a_third = store(members=["a", "b", "c"], plan=held, claims=held, refused=refused)
    assert "c" in next_assignment(KEYS, with_a_third, 4, moves_max=1).values()


def test_a_shard_that_everybody_refuses_stays_planned() -> None:
    present = store(members=["a"], plan={0: "a"}, refused={0: ["a"]})
    assert next_assignment(KEYS, present, 1, moves_max=1) == {0: "a"}


def test_a_value_that_somebody_else_wrote_counts_as_absent() -> None:
    broken = {**store(members=["a"]), KEYS.plan: entry(KEYS.plan, b"\xff"), KEYS.shard(1): entry("x", b"[]")}
    assert next_assignment(KEYS, broken, 2, moves_max=1) == {0: "a", 1: "a"}


def test_fields_that_make_no_sense_count_as_absent_too() -> None:
    broken = dict(store(members=["a"]))
    for member in (b'{"address":"b:1","capacity":"much"}', b'{"capacity":1}', b"7"):
        broken[KEYS.member("b")] = entry(KEYS.member("b"), member)
        broken[KEYS.plan] = entry(KEYS.plan, b'{"owners":{"first":"b","1":"a"}}')
        assert next_assignment(KEYS, broken, 2, moves_max=1) == {0: "a", 1: "a"}


def store(
    *,
    members: list[str] | None = None,
    plan: Mapping[int, str] | None = None,
    claims: Mapping[int, str] | None = None,
    loading: set[int] | None = None,
    refused: Mapping[int, list[str]] | None = None,
) -> Mapping[str, KeyValue]:
    values = {KEYS.member(name): Member(f"{name}:1", 1).encoded() for name in members or []}
    if plan is not None:
        values[KEYS.plan] = encode_plan(plan)
    for shard, owner in (claims or {}).items():
        is_serving = shard not in (loading or set())
        values[KEYS.shard(shard)] = ShardClaim(owner, f"{owner}:1", is_serving).encoded()
    for shard, instances in (refused or {}).items():
        values |= {KEYS.refusal(shard, instance): b"" for instance in instances}
    return {key: entry(key, value) for key, value in values.items()}


def entry(key: str, value: bytes) -> KeyValue:
    return KeyValue(key, value, create_revision=2, mod_revision=2, version=1, lease_id=0)

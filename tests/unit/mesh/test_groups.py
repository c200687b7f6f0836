"""Which shards live where, as settings say it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mesh.settings import MeshSettings, load
from services.mesh.shards.groups import ShardGroups
from services.settlement.settings import SettlementSettings

TWO = "0-1=postgresql://one/x?sslmode=require,2-3=postgresql://a,b/y"


def test_each_shard_lives_in_the_place_of_its_group() -> None:
    groups = ShardGroups.parse(TWO)
    assert [groups.url(shard) for shard in range(4)] == [
        *["postgresql://one/x?sslmode=require"] * 2,
        *["postgresql://a,b/y"] * 2,
    ]
    assert groups.urls() == ("postgresql://one/x?sslmode=require", "postgresql://a,b/y")
    assert groups.only() is None


def test_one_address_is_for_every_shard() -> None:
    groups = ShardGroups.parse("sqlite:/some/folder")
    assert groups.only() == groups.url(0) == groups.url(1023) == "sqlite:/some/folder"


def test_a_group_may_be_one_shard_and_places_may_come_again() -> None:
    groups = ShardGroups.parse("2=sqlite:b,0-1=sqlite:a,3=sqlite:a")
    assert [groups.url(shard) for shard in range(4)] == ["sqlite:a", "sqlite:a", "sqlite:b", "sqlite:a"]
    assert groups.urls() == ("sqlite:a", "sqlite:b")


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_groups_that_follow_on_each_other_have_every_shard_once(sizes: list[int]) -> None:
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    written = ",".join(
        f"{start}-{start + size - 1}=sqlite:{place}"
        for place, (start, size) in enumerate(zip(starts, sizes, strict=True))
    )
    groups = ShardGroups.parse(written)
    groups.check_all_in(sum(sizes))
    assert [groups.url(shard) for shard in range(sum(sizes))] == [
        f"sqlite:{place}" for place, size in enumerate(sizes) for _ in range(size)
    ]
    with pytest.raises(ValueError, match=f"shard {sum(sizes)} is in no group"):
        groups.check_all_in(sum(sizes) + 1)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("0-1=sqlite:a,1-3=sqlite:b", "shard 1 is in two groups"),
        ("0-1=sqlite:a,3=sqlite:b", "shard 2 is in no group"),
        ("1-3=sqlite:a", "shard 0 is in no group"),
        ("3-1=sqlite:a", "there is no group of shards 3-1"),
        ("0-9999=sqlite:a", "there is no group of shards 0-9999"),
        ("0-3=", "a group is written as 0-3=ADDRESS"),
        ("0-3=secret:word", "a journal's address is sqlite:<folder> or postgresql://..."),
        ("secret:word", "a journal's address is sqlite:<folder> or postgresql://..."),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line_without_the_address(
    written: str, complaint: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HONGBAO_JOURNAL_URL", written)
    with pytest.raises(SystemExit):
        load(SettlementSettings)
    assert capfd.readouterr().err == f"HONGBAO_JOURNAL_URL: {complaint}\n"


def test_groups_may_have_shards_that_this_service_has_not() -> None:
    assert SettlementSettings(journal_url="0-3=sqlite:a,4-7=sqlite:b").settlement_shards == 4
    assert MeshSettings(journal_url="0-1=sqlite:a").journal_url == "0-1=sqlite:a"

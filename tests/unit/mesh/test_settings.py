from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import Field

from services.mesh.settings import MeshSettings, load
from services.mesh.shards.ownership import OwnershipLimits


class TapSettings(MeshSettings):
    service: ClassVar[str] = "tap"
    taps_max: int = Field(default=10, ge=1, le=20)


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALLOCATION_SHARDS", "CARDS_SHARDS", "SETTLEMENT_SHARDS", "INSTANCE", "ETCD_ENDPOINTS"):
        monkeypatch.delenv(f"HONGBAO_{name}", raising=False)


def test_everything_has_a_default() -> None:
    settings = MeshSettings()

    assert (settings.allocation_shards, settings.cards_shards, settings.settlement_shards) == (8, 4, 4)
    assert settings.instance.startswith("mesh-")


def test_every_knob_says_what_it_means() -> None:
    silent = [name for name, field in MeshSettings.model_fields.items() if not field.description]

    assert silent == []


def test_every_number_has_bounds() -> None:
    numbers = {
        name: field for name, field in MeshSettings.model_fields.items() if field.annotation in {int, float}
    }

    assert [name for name, field in numbers.items() if not field.metadata] == []


def test_ownership_keeps_to_the_times_that_settings_give() -> None:
    settings = MeshSettings(lease_ttl_s=7, shard_take_s=8, shard_give_s=9)

    limits = OwnershipLimits.from_settings(settings)

    assert (limits.lease_ttl_s, limits.take_timeout_s, limits.give_timeout_s) == (7, 8, 9)


def test_a_services_own_knobs_are_read_beside_the_meshs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HONGBAO_TAPS_MAX", "7")
    monkeypatch.setenv("HONGBAO_ETCD_ENDPOINTS", "one:2379, two:2379")

    settings = load(TapSettings)

    assert settings.taps_max == 7
    assert settings.etcd_endpoints == ("one:2379", "two:2379")
    assert settings.instance.startswith("tap-")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TAPS_MAX", "21", "less than or equal to 20"),
        ("LISTEN_PORT", "many", "valid integer"),
        ("ALLOCATION_SHARDS", "6", "power of two"),
        ("ALLOCATION_SHARDS", "0", "greater than or equal to 1"),
        ("CARDS_SHARDS", "2048", "less than or equal to 1024"),
        ("TRACE_SAMPLE_RATIO", "1.5", "less than or equal to 1"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("SETTLEMENT_SHARDS", "8", "must not exceed"),
        ("BACKOFF_MS_MIN", "5000", "must not exceed HONGBAO_BACKOFF_MS_MAX"),
    ],
)
def test_a_bad_value_ends_the_process_with_a_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(f"HONGBAO_{name}", value)

    with pytest.raises(SystemExit) as ended:
        load(TapSettings)

    lines = capfd.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"HONGBAO_{name}")
    assert says in lines[0]


def test_every_bad_variable_has_its_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HONGBAO_TAPS_MAX", "0")
    monkeypatch.setenv("HONGBAO_DRAIN_S", "-1")

    with pytest.raises(SystemExit):
        load(TapSettings)

    said = capfd.readouterr().err
    assert "HONGBAO_TAPS_MAX: " in said
    assert "HONGBAO_DRAIN_S: " in said


def test_a_bad_secret_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HONGBAO_INSTANCE", "hush hush")

    with pytest.raises(SystemExit):
        load(TapSettings)

    assert "hush" not in capfd.readouterr().err

"""The right etcd is found and started."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.mesh.etcd import process
from services.mesh.etcd.process import EtcdMember, EtcdNotFound, etcd_command, etcd_version, find_etcd


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an `etcd` is found first; there is none yet."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "etcd"


def test_the_wheel_brings_an_etcd_that_runs(on_path: Path) -> None:
    write_script(on_path, "etcd Version: 3.4.0")
    found = find_etcd()
    assert found.parent.name == "etcdbin"
    assert etcd_version(found) >= (3, 5, 1)  # type: ignore[operator]  # it runs, so it has a version


def test_a_newer_etcd_on_path_comes_first(on_path: Path) -> None:
    write_script(on_path, "etcd Version: 99.0.1")
    assert find_etcd() == on_path


def test_something_else_by_that_name_is_passed_over(on_path: Path) -> None:
    write_script(on_path, "I am a text editor")
    assert etcd_version(on_path) is None
    assert find_etcd() != on_path


def test_without_any_etcd_the_error_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(process, "_wheel_binary", lambda _: None)
    with pytest.raises(EtcdNotFound, match="no etcd on PATH"):
        find_etcd()


def test_the_members_of_a_cluster_are_told_of_one_another() -> None:
    members = [EtcdMember(f"m{number}", Path(f"m{number}"), 10 + number, 20 + number) for number in range(2)]
    command = etcd_command(Path("etcd"), members[1], members)
    assert "--initial-cluster=m0=http://127.0.0.1:20,m1=http://127.0.0.1:21" in command
    assert "--listen-client-urls=http://127.0.0.1:11" in command
    assert "--unsafe-no-fsync" not in command


def write_script(path: Path, output: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)

"""A wheel beside what git knows."""

import zipfile
from pathlib import Path

import pytest

from scripts.k8s.wheel import _NEEDED, differences

WRAPPER = "serve_app/launching/haproxy-wrapper"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "made.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*_NEEDED, "avengers_serve-1.dist-info/RECORD"):
            item = zipfile.ZipInfo(name)
            item.external_attr = (0o755 if name == WRAPPER else 0o644) << 16
            archive.writestr(item, "")
    return path


def test_a_wheel_that_holds_the_same_files_is_right(wheel: Path) -> None:
    assert differences(wheel, set(_NEEDED)) == []


def test_what_is_missing_or_too_much_is_named(wheel: Path) -> None:
    tracked = {*_NEEDED, "serve_app/new.yaml"} - {"serve_app/local.yaml"}

    assert differences(wheel, tracked) == [
        "not in the wheel: serve_app/new.yaml",
        "not known to git: serve_app/local.yaml",
    ]


def test_the_wrapper_must_be_executable(tmp_path: Path) -> None:
    path = tmp_path / "made.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in _NEEDED:
            archive.writestr(zipfile.ZipInfo(name), "")

    assert differences(path, set(_NEEDED)) == [f"not executable: {WRAPPER}"]

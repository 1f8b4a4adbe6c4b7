"""What an artifact says of itself."""

from datetime import UTC, datetime
from pathlib import Path

from artifacts.manifest import Extension, Manifest
from artifacts.store import load_manifest
from tests.artifacts.hand_made import bundled


def test_a_file_s_name_that_is_not_utf_8_is_noted_as_far_as_it_is() -> None:
    name = Path(b"caf\xe9.jsonl".decode("utf-8", "surrogateescape")).name
    noted = Extension(
        kind="add-model", created=datetime.now(UTC), models=("a",), sources=(name,)
    )

    assert noted.sources == ("caf\N{REPLACEMENT CHARACTER}.jsonl",)
    assert Extension.model_validate_json(noted.model_dump_json()) == noted


def test_what_was_written_is_read_back() -> None:
    manifest = load_manifest(bundled())

    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest

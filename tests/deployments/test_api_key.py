"""Keys as they are made and stored."""

from deployments.api_key import key_sha256, new_key


def test_new_keys_differ_and_are_stored_as_digests():
    assert new_key() != new_key()
    assert new_key().startswith("sk-av-")
    assert key_sha256("abc").startswith("ba7816bf8f01cfea")

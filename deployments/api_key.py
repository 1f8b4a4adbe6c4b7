"""How an API key is made, and what is stored of it."""

import hashlib
import secrets

KEY_PREFIX = "sk-av-"


def new_key() -> str:
    """A fresh API key of 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def key_sha256(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()

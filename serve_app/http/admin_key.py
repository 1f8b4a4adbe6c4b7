"""Who may administer: whoever holds the one key that the environment names."""

import hmac
import os
from collections.abc import Mapping

from deployments.api_key import key_sha256
from deployments.errors import Unauthenticated


class AdminKey:
    """Keeps the digest of the key, never the key."""

    def __init__(self, key: str) -> None:
        self._digest = key_sha256(key)

    @classmethod
    def named(
        cls, variable: str | None, environment: Mapping[str, str] = os.environ
    ) -> "AdminKey | None":
        """The key in an environment variable; None where there is none."""
        key = environment.get(variable, "").strip() if variable else ""
        return cls(key) if key else None

    def check(self, authorization: str | None) -> None:
        """Unauthenticated unless an `Authorization` header holds the key."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthenticated(
                "The admin key is needed: send the header 'Authorization: Bearer …'."
            )
        if not hmac.compare_digest(key_sha256(key.strip()), self._digest):
            raise Unauthenticated("This is not the admin key.")

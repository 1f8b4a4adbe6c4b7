"""A folder at an address that fsspec opens: files read and written by their names.

Knows nothing of artifacts. What a driver raises becomes one line here, and no line
shows what may be secret in an address: user, password and query.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import fsspec  # type: ignore[import-untyped, unused-ignore]

from artifacts.errors import ArtifactError

_READ_ONLY = ("http", "https")


class NotThere(ArtifactError):
    """The folder holds no such file."""


class RemoteFolder:
    """s3://, gs://, memory:// and whatever else fsspec has a driver for; http(s)://
    can only be read."""

    def __init__(self, uri: str) -> None:
        """ArtifactError: no driver for the address, or it is not one."""
        self.shown = shown(uri)
        try:
            parts = urlsplit(uri)
        except ValueError:  # whose text may show the password
            raise ArtifactError(self.shown, "it is not a valid address") from None
        self._read_only = parts.scheme in _READ_ONLY
        password = parts.password or ""
        whole = (parts.netloc.rpartition("@")[0], parts.query)
        self._secrets = (*whole, password, unquote(password))
        # The token in the query of a web address goes behind each file's name.
        self._query = f"?{parts.query}" if self._read_only and parts.query else ""
        with self._explained(""):
            self._fs, root = fsspec.url_to_fs(uri)
            self._fs.invalidate_cache()
        self._root = root.removesuffix(self._query).rstrip("/")

    def where(self, name: str) -> str:
        """The address of a file, to be shown."""
        return f"{self.shown}/{name}" if name else self.shown

    def read(self, name: str) -> bytes:
        """The whole file; NotThere, or ArtifactError."""
        with self._explained(name):
            return bytes(self._fs.cat_file(self._path(name)))

    def download(self, name: str, to: Path) -> None:
        """NotThere, or ArtifactError; `to` may then be incomplete."""
        with self._explained(name):
            self._fs.get_file(self._path(name), str(to))

    def check_writable(self) -> None:
        """ArtifactError for an address that can only be read; asks nobody."""
        if self._read_only:
            raise ArtifactError(self.shown, "this address can only be read")

    def upload(self, path: Path, name: str) -> None:
        """ArtifactError: it cannot be written."""
        self.check_writable()
        with self._explained(name):
            self._fs.put_file(str(path), self._path(name))

    def size(self, name: str) -> int | None:
        """Bytes of a file; None if there is none."""
        try:
            with self._explained(name):
                return int(self._fs.info(self._path(name))["size"])
        except NotThere:
            return None

    def names(self, below: str) -> list[str]:
        """All files below a sub-folder, named from there, sorted; ArtifactError if one
        would lie outside it: in an object store a name may hold `..`."""
        with self._explained(below):
            start = self._path(below).strip("/") + "/"
            found = [path.strip("/") for path in self._fs.find(self._path(below))]
        names = sorted(path.partition(start)[2] for path in found if start in path)
        for name in names:
            if ".." in name.split("/") or name.startswith("/"):
                raise ArtifactError(self.where(below), f"{name!r} is no file's name")
        return names

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}{self._query}"

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        where = self.where(name)
        try:
            yield
        except FileNotFoundError:
            raise NotThere(where, "No such file") from None
        except ImportError as error:
            what = f"{self._safe(error)}: it is in the extra `remote`"
            raise ArtifactError(where, what) from None
        # Each driver has exceptions of its own, and not all can be imported here.
        except Exception as error:  # noqa: BLE001
            raise ArtifactError(where, self._safe(error)) from None

    def _safe(self, error: Exception) -> str:
        text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        for secret in self._secrets:
            if secret:
                text = text.replace(secret, "…")
        return text


def shown(uri: str) -> str:
    """The address without user, password and query; without all but the scheme if it
    is not valid, since nothing tells then where they are."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return f"{uri.partition('://')[0]}://…"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", "")).rstrip("/")

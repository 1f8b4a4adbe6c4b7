"""Types of options: numbers within bounds, files that are there, and where results go,
which is told before an hour is measured for them."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

Number = TypeVar("Number", int, float)


def number(least: float, most: float) -> Callable[[str], float]:
    """From `least` to `most`; nan is not."""
    return _within(float, "a number", least, most)


def whole(least: int, most: int) -> Callable[[str], int]:
    """From `least` to `most`."""
    return _within(int, "a whole number", least, most)


def url(text: str) -> str:
    """Of a server; without a slash at its end."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise argparse.ArgumentTypeError(f"{text}: not an http:// or https:// address")
    return text.rstrip("/")


def file(text: str) -> Path:
    """One that is there."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text}: no such file")
    return Path(text)


def text_file(text: str) -> Path:
    """One that can be read as UTF-8."""
    try:
        Path(text).read_text(encoding="utf-8")
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise argparse.ArgumentTypeError(f"{text}: not UTF-8") from None
    return Path(text)


def result_file(text: str) -> Path:
    """One that can be written when there is something to write."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: a folder")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: no such folder")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text}: may not be written")
    return path


def result_folder(text: str) -> Path:
    """One that is there, or is made now."""
    try:
        Path(text).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.strerror}") from None
    return Path(text)


def _within(
    kind: Callable[[str], Number], said: str, least: Number, most: Number
) -> Callable[[str], Number]:
    def read(text: str) -> Number:
        try:
            value = kind(text)
            if least <= value <= most:
                return value
        except ValueError:
            pass
        what = f"{said} from {least:,} to {most:,} is needed, not {text!r}"
        raise argparse.ArgumentTypeError(what)

    return read

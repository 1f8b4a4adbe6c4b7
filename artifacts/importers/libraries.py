"""Libraries that only an importer needs, loaded when it runs."""

from importlib import import_module
from typing import Any

from artifacts.errors import BadInput


def library(module: str, *, package: str) -> Any:
    """The module; BadInput names the extra where `package` is not installed."""
    try:
        return import_module(module)
    except ImportError:
        what = f"this needs {package}: install the extra 'import'"
        raise BadInput(
            f"{what} (in the checkout: pip install -e '.[import]')"
        ) from None

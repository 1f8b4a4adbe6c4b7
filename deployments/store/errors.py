"""What can go wrong with the store.

StoreError              the message is one line and holds no password
├── StoreUnavailable    down, locked or full: the same may succeed later
├── Missing             no such tenant, key or cost tier
└── Refused             the change contradicts what is stored
"""


class StoreError(Exception):
    """The store did not do what it was asked."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, is locked, or its disk is full."""


class Missing(StoreError):
    """No such tenant, key or cost tier."""


class Refused(StoreError):
    """The change contradicts itself or what is stored; nothing was changed."""

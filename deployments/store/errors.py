"""What can go wrong with the store.

StoreError              the message is one line and holds no password
├── StoreUnavailable    down, locked, full, or forbidden: the same may succeed later
│   └── Denied          it answers, and lets nobody in: a wrong user, password or name
├── Missing             no such tenant, key, cost tier or artifact
└── Refused             the change contradicts what is stored
    └── Unfit           the database takes no such value
"""


class StoreError(Exception):
    """The store did not do what it was asked."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, is locked, its disk is full, or it says no."""


class Denied(StoreUnavailable):
    """The database answers, and lets this user in no more or not yet: a wrong user,
    password or name of it, most often."""


class Missing(StoreError):
    """No such tenant, key, cost tier or artifact."""


class Refused(StoreError):
    """The change contradicts itself or what is stored; nothing was changed."""

    def __init__(self, what: str, *, field: str | None = None) -> None:
        super().__init__(what)
        self.field = field  # of the thing that was to be changed


class Unfit(Refused):
    """The database takes no such value; the message says which database, too."""

"""A client with the admin key, on a gateway of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from deployments.limits.ledger import Ledger
from serve_app.gateway import Gateway
from serve_app.http.admin import Admin
from serve_app.http.admin_key import AdminKey
from serve_app.http.api import build_api

KEY = {"authorization": "Bearer admin-secret"}


@asynccontextmanager
async def administrator(
    ledger: Ledger, served: Gateway
) -> AsyncIterator[httpx.AsyncClient]:
    """Of the accounts of a Ledger."""
    admin = Admin(
        ledger, AdminKey("admin-secret"), lambda: served.directory, backends=["fake"]
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build_api(served, admin=admin)),
        base_url="http://test",
        headers=KEY,
    ) as client:
        yield client

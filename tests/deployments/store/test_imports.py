"""What crosses to a Gateway replica must not bring the database's libraries along."""

import subprocess
import sys


def test_a_snapshot_and_a_query_come_without_sqlalchemy():
    modules = "serve_app.access.tenants", "deployments.store.snapshot"
    modules += "deployments.store.errors", "deployments.store.usage_query"
    modules += ("deployments.store.config",)
    code = f"import sys, {', '.join(modules)}; print('sqlalchemy' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout == "False\n", done.stderr

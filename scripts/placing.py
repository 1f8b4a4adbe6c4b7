"""Puts Router and backends of a Serve configuration where a measurement wants them."""

from typing import Any

PLACES = ("deployment", "gateway")


def place(config: dict[str, Any], placement: str) -> None:
    """In the configuration itself; settings of what is no deployment then go."""
    application = config["applications"][0]
    application["args"]["placement"] = placement
    if placement == "gateway":
        gone = ("Router", "SimulatorBackend")
        application["deployments"] = [
            each
            for each in application.get("deployments", [])
            if not each["name"].startswith(("OpenRouterBackend", *gone))
        ]

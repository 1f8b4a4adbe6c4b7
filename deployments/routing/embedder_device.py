"""On what an encoder in a replica's own process runs."""

from dataclasses import replace

import ray

from artifacts.encoder import EncoderRun


def as_lent(run: EncoderRun) -> EncoderRun:
    """The same, with `auto` resolved by what Ray has lent to this process.

    Not by what torch sees: Ray hides no GPU of the node from a process that asked for
    none (RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO), so it would take memory of one that is
    lent to another.
    """
    if run.device != "auto" or not ray.is_initialized():
        return run
    lent = ray.get_runtime_context().get_accelerator_ids().get("GPU")
    return replace(run, device="cuda" if lent else "cpu")

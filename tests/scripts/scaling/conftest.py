"""Ray warns of its own code while it is imported; that is no matter of these tests."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ray.serve._private.autoscaling_state  # noqa: F401

"""`auto` is what Ray lends, whatever torch sees."""

import warnings
from types import SimpleNamespace

import pytest

from artifacts.encoder import EncoderRun

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, of what it imports
    import ray

    from deployments.routing.embedder_device import as_lent


@pytest.fixture
def lend(monkeypatch):
    """Stands for a process of Ray with these GPUs."""

    def lent(ids: list[str]) -> None:
        context = SimpleNamespace(get_accelerator_ids=lambda: {"GPU": ids, "TPU": []})
        monkeypatch.setattr(ray, "is_initialized", lambda: True)
        monkeypatch.setattr(ray, "get_runtime_context", lambda: context)

    return lent


@pytest.mark.parametrize(("ids", "device"), [([], "cpu"), (["3"], "cuda")])
def test_a_replica_takes_no_gpu_that_it_was_not_given(lend, ids, device):
    lend(ids)

    assert as_lent(EncoderRun(threads=3)) == EncoderRun(threads=3, device=device)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_device_that_is_named_is_taken(lend, device):
    lend([])

    assert as_lent(EncoderRun(device=device)).device == device


def test_without_ray_torch_chooses():
    assert as_lent(EncoderRun()).device == "auto"

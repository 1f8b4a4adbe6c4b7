"""Which limits a request draws on, and how much of each."""

from deployments.limits.ledger_protocol import Resource
from serve_app.access import request_size
from serve_app.access.request_limits import limits_of, wants
from serve_app.access.request_size import AnswerSize, PromptSize
from serve_app.access.tenants import Directory, Tenant
from tests.fakes import KEPT, app_config
from tests.serve_app.access.held import PLACES, RPM, TPM

LIMITS = {RPM: 9.0, TPM: 99.0, PLACES: 2.0}


def tenant(key: dict[str, int], **limits: int) -> Tenant:
    keys = [{"env": "KEY", **key}]
    config = app_config(
        tenants=[{"id": "t", "alpha": 0.5, "keys": keys, **limits}], **KEPT
    )
    return Directory(config, {"KEY": "k"}).authenticate("Bearer k")


def test_the_key_s_own_come_first_then_those_that_all_keys_share():
    own = {"rpm_limit": 3, "tpm_limit": 40}
    found = [*limits_of(tenant(own, rpm_limit=5, max_parallel_requests=2))]

    rpm, tpm = (Resource(kind, "t", "env:KEY") for kind in ("rpm", "tpm"))
    assert found == [{rpm: 3.0, tpm: 40.0}, {RPM: 5.0, PLACES: 2.0}]


def test_a_request_draws_its_prompt_and_its_answers_and_one_of_all_else():
    prompt = PromptSize((), n_tokens=7)

    drawn = wants(LIMITS, prompt, AnswerSize(2, 5))
    assert drawn == {RPM: 1.0, TPM: 17.0, PLACES: 1.0}
    unstated = wants(LIMITS, prompt, AnswerSize(2, None))
    assert unstated[TPM] == 7.0


def test_of_what_it_draws_nothing_of_nothing_is_asked_for():
    assert wants(LIMITS, PromptSize(()), AnswerSize(0, None)).keys() == {RPM, PLACES}


def test_tokens_are_counted_only_where_a_limit_is_of_them(monkeypatch):
    monkeypatch.setattr(request_size, "count_tokens", None)

    assert wants({RPM: 9.0}, PromptSize(("a text",)), AnswerSize(1, 5)) == {RPM: 1.0}

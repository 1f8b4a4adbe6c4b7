"""What an upstream is sent where the client says nothing."""

from deployments.backends.upstream_config import OpenRouterConfig, UpstreamConfig

PROVIDERS = {"provider": {"data_collection": "deny"}}


def test_openrouter_is_asked_for_costs_whatever_else_is_sent_by_default():
    config = OpenRouterConfig(request_defaults=PROVIDERS)

    assert config.request_defaults == {"usage": {"include": True}, **PROVIDERS}


def test_who_says_something_of_usage_has_the_last_word():
    stated = {"usage": {"include": False}}

    assert OpenRouterConfig(request_defaults=stated).request_defaults == stated


def test_other_upstreams_are_sent_what_is_stated_and_nothing_else():
    config = UpstreamConfig(base_url="http://x/v1/", request_defaults=PROVIDERS)

    assert config.request_defaults == PROVIDERS

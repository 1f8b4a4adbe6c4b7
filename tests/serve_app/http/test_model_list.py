"""`GET /v1/models`: each key sees what it may use, and nothing else."""

import pytest

from deployments.errors import Forbidden, NotFound
from serve_app.access.tenants import Directory, Tenant
from serve_app.http.model_list import model_entry, model_list
from tests.fakes import app_config


def opened(**key: object) -> tuple[Directory, Tenant]:
    tenant = {"id": "t", "alpha": 0.5, "models": ["small", "large"]}
    config = app_config(tenants=[{**tenant, "keys": [{"env": "KEY", **key}]}])
    directory = Directory(config, {"KEY": "sk-av-t"})
    return directory, directory.authenticate("Bearer sk-av-t")


def listed(tier: str | None = None, **key: object) -> dict[str, float | None]:
    data = model_list(*opened(**key), tier)["data"]
    return {entry["id"]: entry.get("routing", {}).get("alpha") for entry in data}


def test_all_of_the_tenant_s():
    assert listed() == {
        "auto": 0.5,
        "auto:economy": 0.2,
        "auto:narrow": 0.9,
        "large": None,
        "small": None,
    }


def test_a_key_with_models_of_its_own():
    assert "large" not in listed(models=["small", "other"])
    assert "other" not in listed(models=["small", "other"])


def test_a_key_with_an_alpha_of_its_own():
    assert listed(alpha=0.7)["auto"] == 0.7


def test_a_key_that_is_pinned_to_a_tier():
    assert listed(cost_tier="narrow") == {
        "auto": 0.9,
        "auto:narrow": 0.9,
        "small": None,
    }


def test_below_the_path_of_a_tier_only_what_is_of_it():
    assert listed("narrow") == {"auto": 0.9, "auto:narrow": 0.9, "small": None}
    with pytest.raises(Forbidden, match="Yours: narrow"):
        listed("economy", cost_tier="narrow")


@pytest.mark.parametrize("model", ["other", "large", "auto:economy", "no-such"])
def test_what_a_key_may_not_use_does_not_exist_for_it(model):
    with pytest.raises(NotFound):
        model_entry(*opened(cost_tier="narrow"), model)


@pytest.mark.parametrize(
    ("usd_per_token", "said"),
    [(1.25e-8, "0.0000000125"), (1.5e-5, "0.000015"), (0, "0"), (None, None)],
)
def test_prices_are_told_as_decimals_however_low_they_are(usd_per_token, said):
    price = {"input_usd_per_token": usd_per_token}
    spec = {"id": "small", "backend": "fake", "upstream_model": "m", "price": price}
    tenant = {"id": "t", "alpha": 0.5, "keys": [{"env": "KEY"}]}
    config = app_config(
        catalog={"models": [spec]},
        cost_tiers={},
        tenants=[tenant],
        default_model="small",
    )
    directory = Directory(config, {"KEY": "sk-av-t"})
    opened_by = directory.authenticate("Bearer sk-av-t")

    entry = model_entry(directory, opened_by, "small")
    assert entry["pricing"] == {"prompt": said, "completion": None}

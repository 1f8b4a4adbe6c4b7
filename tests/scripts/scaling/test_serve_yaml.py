import math
import subprocess
import sys

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from artifacts.errors import BadInput
from scripts.scaling.constants import ROOT, Way
from scripts.scaling.derive import derived, too_few_calls, way_of
from scripts.scaling.plan import SCALED
from scripts.scaling.settings import Goal, derive
from serve_app.config import AppConfig
from tests.scripts.scaling.made import made_workload

TEXT = """\
# Kept as it is:   even  spaces
applications:
  - name: avengers
    args: {limits: {route_concurrency: 2}}
    deployments:
      - name: Gateway
        user_config:
          name: "not a deployment"  # and this comment
        # Live: replicas come and go.
        autoscaling_config:
          min_replicas: 1
          max_replicas: 2
          # ours
          initial_replicas: 1
        max_ongoing_requests: 7
        max_surge_percent: 100

      - name: Router  # no cores of its own
        autoscaling_config: {min_replicas: 1, max_replicas: 3}
        ray_actor_options: {num_cpus: 0.5}

      # One.
      - name: Ledger
        num_replicas: 1
        max_ongoing_requests: 9
"""
LOAD, GOAL = made_workload(), Goal(20.0, 500.0)


def deployments(text: str) -> dict[str, dict]:
    found = yaml.safe_load(text)["applications"][0]["deployments"]
    return {deployment["name"]: deployment for deployment in found}


def without_settings(text: str) -> dict:
    found = yaml.safe_load(text)
    for deployment in found["applications"][0]["deployments"]:
        deployment.pop("autoscaling_config", None)
        deployment.pop("max_ongoing_requests", None)
    return found


def test_the_derived_settings_stand_in_the_file():
    gateway = deployments(derived(TEXT, LOAD, GOAL))["Gateway"]
    settings = derive(LOAD, "Gateway", GOAL)

    assert gateway["max_ongoing_requests"] == settings.max_ongoing_requests
    assert gateway["autoscaling_config"]["max_replicas"] == settings.max_replicas
    assert gateway["autoscaling_config"]["look_back_period_s"] == 20


def test_what_is_not_autoscaling_stays_byte_for_byte():
    old = TEXT.splitlines()
    new = derived(TEXT, LOAD, GOAL).splitlines()
    gone = [line.strip() for line in old if line not in new]

    assert {line.partition(":")[0] for line in gone} <= {
        "min_replicas",
        "max_replicas",
        "max_ongoing_requests",
        "autoscaling_config",
    }
    for line in ("# Kept as it is:   even  spaces", "          # ours"):
        assert line in new


def test_keys_that_are_not_derived_are_kept():
    found = deployments(derived(TEXT, LOAD, GOAL))

    assert found["Gateway"]["autoscaling_config"]["initial_replicas"] == 1
    assert found["Gateway"]["max_surge_percent"] == 100
    assert found["Router"]["ray_actor_options"] == {"num_cpus": 0.5}
    assert found["Ledger"] == {
        "name": "Ledger",
        "num_replicas": 1,
        "max_ongoing_requests": 9,
    }


def test_a_block_in_one_line_keeps_its_other_keys():
    text = TEXT.replace("max_replicas: 3}", "max_replicas: 3, smoothing_factor: 0.5}")
    config = deployments(derived(text, LOAD, GOAL))["Router"]["autoscaling_config"]

    assert config["smoothing_factor"] == 0.5
    assert config["max_replicas"] == derive(LOAD, "Router", GOAL).max_replicas


def test_of_the_cluster_s_configuration_only_settings_change():
    old = (ROOT / "k8s/base/serve-config.yaml").read_text(encoding="utf-8")
    new = derived(old, LOAD, GOAL)

    assert without_settings(new) == without_settings(old)
    ServeDeploySchema.model_validate(yaml.safe_load(new))
    assert derived(new, LOAD, GOAL) == new


def embedder_with(policy: str) -> str:
    return (
        TEXT
        + f"""\
      - name: Embedder
        autoscaling_config:
          min_replicas: 1
{policy}          initial_replicas: 2
"""
    )


def test_an_embedder_s_policy_stands_in_the_file():
    text = derived(embedder_with(""), LOAD, GOAL)
    config = deployments(text)["Embedder"]["autoscaling_config"]
    policy = derive(LOAD, "Embedder", GOAL).policy

    assert policy is not None
    assert config["policy"]["policy_function"].endswith("token_policy:TokenPolicy")
    assert config["policy"]["policy_kwargs"] == policy.kwargs
    assert config["initial_replicas"] == 2
    assert "tokens/s of a full core" in text
    assert derived(text, LOAD, GOAL) == text


@pytest.mark.parametrize(
    "policy",
    [
        "          policy: {policy_function: 'a:B', policy_kwargs: {c: 1}}\n",
        "          policy:\n            policy_function: a:B\n",
    ],
)
def test_a_policy_that_was_there_is_replaced_as_are_other_settings(policy):
    new = derived(embedder_with(policy), LOAD, GOAL)

    assert deployments(new) == deployments(derived(embedder_with(""), LOAD, GOAL))


def test_another_deployment_keeps_a_policy_of_its_own():
    text = TEXT.replace("max_replicas: 3}", "policy: {policy_function: 'a:B'}}")
    config = deployments(derived(text, LOAD, GOAL))["Router"]["autoscaling_config"]

    assert config["policy"] == {"policy_function": "a:B"}


def test_a_second_run_changes_nothing():
    once = derived(TEXT, LOAD, GOAL)

    assert derived(once, LOAD, GOAL) == once


def test_other_goals_replace_the_earlier_ones():
    once = derived(TEXT, LOAD, GOAL)

    again = derived(once, LOAD, Goal(20.0, 5000.0))
    assert again != once
    assert derived(again, LOAD, GOAL) == once


def test_a_file_in_which_nothing_scales_is_refused():
    local = (ROOT / "serve_app/local.yaml").read_text(encoding="utf-8")

    with pytest.raises(SystemExit, match="no deployment of ours has"):
        derived(local, LOAD, GOAL)


def test_every_deployment_that_scales_is_known():
    text = "\n".join(f"- name: {name}\n  autoscaling_config: {{}}" for name in SCALED)

    assert derived(text, LOAD, GOAL).count("max_replicas:") == len(SCALED)


def test_calls_too_few_to_keep_all_embedders_busy_are_told_of():
    embedders = derive(LOAD, "Embedder", GOAL).max_replicas
    routers = derive(LOAD, "Router", GOAL).max_replicas
    enough = math.ceil(embedders / routers)
    assert enough > 1

    def problems(route: int, embed: int) -> list[str]:
        args = {
            "limits": {"route_concurrency": route},
            "router": {"embed_concurrency": embed},
        }
        config = AppConfig.model_validate(args)
        return [line.split(":")[0] for line in too_few_calls(config, LOAD, GOAL)]

    assert problems(LOAD.route_calls, enough) == []
    assert problems(LOAD.route_calls - 1, enough - 1) == [
        f"args.limits.route_concurrency should be {LOAD.route_calls}",
        f"args.router.embed_concurrency should be {enough}",
    ]


def test_a_configuration_that_says_nothing_of_calls_has_the_default_ones():
    told = too_few_calls(AppConfig(), LOAD, GOAL)

    assert any("route_concurrency" in line for line in told)
    assert not any("embed_concurrency" in line for line in told)  # 4


@pytest.mark.parametrize(
    ("own", "measured"), [(None, 25), (25, 25), (70, 50), (400, 100), (5, 25)]
)
def test_what_an_answer_costs_follows_how_long_its_events_gather(own, measured):
    openrouter = {} if own is None else {"gather_ms": own}
    args = {"backends": {"openrouter": openrouter}}

    way = way_of(AppConfig.model_validate(args))
    assert way == Way(gather_ms=measured)


@pytest.mark.parametrize("placement", ["gateway", {"router": "gateway"}])
def test_settings_of_what_is_no_deployment_are_not_derived(placement):
    config = AppConfig.model_validate({"placement": placement})

    with pytest.raises(BadInput, match="scripts/capacity --placement gateway"):
        way_of(config)


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        (None, [], "serve.yaml: No such file"),
        (b"\xff", [], "serve.yaml: not UTF-8"),
        (b"a: 1\na: 2", [], "serve.yaml:2: a: said twice"),
        (b"applications: 3", [], "no application has the import_path"),
        (TEXT.encode(), ["--least", "9", "--most", "3"], "--least is above --most"),
        (TEXT.encode(), ["--most", "nan"], "--most: a number"),
    ],
)
def test_what_cannot_be_derived_is_a_usage_error(content, options, told, tmp_path):
    file = tmp_path / "serve.yaml"
    if content is not None:
        file.write_bytes(content)

    run = subprocess.run(
        [sys.executable, "-m", "scripts.scaling.derive", file, *options],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 2
    assert told in run.stderr
    assert "Traceback" not in run.stderr
    assert file.exists() is (content is not None)


@pytest.mark.parametrize(
    ("file", "options", "told"),
    [
        ("k8s/base/serve-config.yaml", ["--gpu"], "has no GPU: leave --gpu out"),
        ("k8s/overlays/prod-gpu/serve-config.yaml", [], "has a GPU: add --gpu"),
    ],
)
def test_an_embedder_is_not_reckoned_to_run_on_what_it_does_not(file, options, told):
    run = subprocess.run(
        [sys.executable, "-m", "scripts.scaling.derive", file, "--check", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 2
    assert f"{file}: its Embedder {told}" in " ".join(run.stderr.split())

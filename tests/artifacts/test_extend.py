"""Adding and removing models: the others stay bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact, arrays_digest, arrays_of
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans, Vectors, unit_rows
from artifacts.columns import take_columns
from artifacts.dataset import RoutingDataset
from artifacts.errors import BadInput
from artifacts.extend import NewRecords, add_models, new_models, remove_models
from artifacts.fit import FitConfig, fit_artifact
from artifacts.policy import PaperPolicy
from artifacts.prior_extend import cost_prior
from artifacts.record_line import TokenPrice
from tests.artifacts.test_fit import SPEC

MODELS = ("a", "b", "c", "d", "new")
ALPHAS = (0.0, 0.3, 0.6, 1.0)
POLICIES = [PaperPolicy(), CalibratedPolicy(n_landmarks=24)]
DIMENSION = 6


def made_up(n: int = 400) -> tuple[RoutingDataset, Vectors]:
    """Harder towards one direction for all; `new` is better along another one."""
    rng = np.random.default_rng(0)
    vectors = unit_rows(rng.normal(size=(n, DIMENSION)).astype(np.float32))
    skill = np.array([0.5, 0.9, 1.3, 0.2, 0.7])
    logit = 2 * skill - 2.5 * vectors[:, :1]
    logit = logit + 2 * vectors[:, 1:2] * np.array([0.5, -0.5, 0.2, -0.4, 1.0])
    score = (rng.uniform(size=(n, 5)) < 1 / (1 + np.exp(-logit))).astype(float)
    tokens = 100 * np.exp(vectors[:, :1] + 0.1 * rng.normal(size=(n, 5)))
    price = np.array([1e-6, 3e-6, 1e-5, 1e-7, 2e-6])
    prompt = np.full((n, 5), 50.0)
    return RoutingDataset(
        queries=tuple(f"q{i}" for i in range(n)),
        datasets=("d",) * n,
        models=MODELS,
        score=score,
        cost_usd=(prompt + 2 * tokens) * price,
        prompt_tokens=prompt,
        completion_tokens=tokens,
    ), vectors


DATASET, VECTORS = made_up()


def fitted(policy: PaperPolicy | CalibratedPolicy, *models: str) -> RoutingArtifact:
    spec = SPEC.model_copy(update={"dimension": DIMENSION})
    config = FitConfig(KMeans(n_clusters=8, n_init=2), policy, train_fraction=1.0)
    return fit_artifact(DATASET.with_models(models), VECTORS, spec, config).artifact


@pytest.fixture(scope="module", params=POLICIES, ids=lambda policy: policy.kind)
def artifact(request) -> RoutingArtifact:
    return fitted(request.param, "a", "b", "c", "d")


def records(rows: slice | np.ndarray = slice(None)) -> NewRecords:
    chosen = np.arange(len(DATASET))[rows]
    return NewRecords(DATASET.take(chosen), VECTORS[chosen], sources=("n.jsonl",))


def expected(artifact: RoutingArtifact, model: str) -> tuple[np.ndarray, np.ndarray]:
    scores, _ = artifact.score(VECTORS, 0.5, [model])
    return scores.accuracy[:, 0], scores.cost_usd[:, 0]


def test_costs_whose_sums_are_not_finite_are_bad_input(artifact):
    new = records()
    cost_usd = np.full(new.dataset.cost_usd.shape, 1e308)
    new = replace(new, dataset=replace(new.dataset, cost_usd=cost_usd))

    with pytest.raises(BadInput, match="'new': its costs are too large"):
        add_models(artifact, ["new"], new)


def test_all_that_is_of_the_others_stays_byte_for_byte(artifact):
    extended = add_models(artifact, ["new"], records(slice(0, 60)))

    old = [extended.column_of[model] for model in artifact.models]
    kept = take_columns(extended.profiles, np.array(old))
    before = arrays_of(artifact.centroids, artifact.profiles)
    after = arrays_of(extended.centroids, kept)
    assert before.keys() == after.keys()
    for name, array in before.items():
        assert after[name].dtype == array.dtype
        assert after[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("alpha", ALPHAS)
def test_decisions_among_the_others_stay(artifact, alpha):
    extended = add_models(artifact, ["new"], records(slice(0, 60)))
    queries = unit_rows(np.r_[VECTORS, -VECTORS[:20] - 1])

    for vector in queries[::5]:
        before = artifact.choose(vector, alpha)
        after = extended.choose(vector, alpha, artifact.models)
        assert after.ranking == before.ranking
        assert after.expected_cost_usd == pytest.approx(before.expected_cost_usd)
        assert after.out_of_distribution == before.out_of_distribution


def test_removing_what_was_added_gives_the_artifact_back(artifact):
    extended = add_models(artifact, ["new"], records())

    assert extended.artifact_id != artifact.artifact_id
    assert remove_models(extended, ["new"]).artifact_id == artifact.artifact_id


def test_with_all_records_the_new_model_is_known_as_by_a_full_fit(artifact):
    full = fitted(artifact.manifest.policy, *MODELS)

    extended = add_models(artifact, ["new"], records())

    for found, wanted in zip(
        expected(extended, "new"), expected(full, "new"), strict=True
    ):
        assert np.corrcoef(found, wanted)[0, 1] > 0.95
        assert found.mean() == pytest.approx(wanted.mean(), rel=0.03)


def test_unmeasured_clusters_are_imputed_and_marked(artifact):
    clusters = artifact.neighbours(VECTORS).clusters[:, 0]
    some = np.flatnonzero(clusters < 4)

    extended = add_models(artifact, ["new"], records(some))

    column = extended.column_of["new"]
    count = extended.profiles.count[:, column]
    assert count.sum() == len(some)
    assert not count[4:].any()
    assert np.isfinite(extended.profiles.prior_accuracy[:, column]).all()
    far = VECTORS[clusters >= 4][0]
    decision = extended.choose(far, 0.5)
    place = decision.ranking.index("new")
    assert decision.imputed[place]
    assert sum(decision.imputed) == 1


def test_the_prior_knows_which_clusters_are_hard_and_dear(artifact):
    clusters = artifact.neighbours(VECTORS).clusters[:, 0]
    extended = add_models(artifact, ["new"], records(clusters < 4))

    profiles, column = extended.profiles, extended.column_of["new"]
    for prior in (profiles.prior_accuracy, profiles.prior_cost_usd):
        order = np.argsort(prior[:, extended.column_of["a"]])
        assert np.all(np.diff(prior[order, column]) > 0)


@pytest.mark.parametrize("answers", [0.0, 1.0])
def test_a_few_records_do_not_make_extreme_expectations(answers):
    artifact = fitted(POLICIES[1], "a", "b", "c", "d")
    few = records(slice(0, 3))
    score = few.dataset.score.copy()
    score[:, 4] = answers
    few = replace(few, dataset=replace(few.dataset, score=score))

    extended = add_models(artifact, ["new"], few)

    accuracy, _ = expected(extended, "new")
    hardness, _ = artifact.score(VECTORS, 0.5)
    assert np.corrcoef(accuracy, hardness.accuracy.mean(axis=1))[0, 1] > 0.8
    assert 0.1 < accuracy.mean() < 0.99


def test_fewer_records_leave_the_expectation_less_certain():
    artifact = fitted(POLICIES[1], "a", "b", "c", "d")

    sds = []
    for n in (5, 40, 400):
        extended = add_models(artifact, ["new"], records(slice(0, n)))
        scores, _ = extended.score(VECTORS, 0.5, ["new"])
        assert scores.accuracy_sd is not None
        sds.append(scores.accuracy_sd.mean())

    assert sds[0] > sds[1] > sds[2] > 0


def test_what_is_known_of_others_makes_a_new_model_no_better_known_than_they_are():
    artifact = fitted(POLICIES[1], "a", "b", "c", "d")
    scores, _ = add_models(artifact, ["new"], records()).score(VECTORS, 1.0)

    assert scores.accuracy_sd is not None
    variance = scores.accuracy_sd**2
    assert np.all(variance[:, 4] > 0.999 * variance[:, :4].mean(axis=1))


def test_a_prior_of_costs_has_the_total_of_what_was_measured():
    dear = np.array([1.0, 3.0])  # the second cluster, for all models
    count, cost_usd = np.array([1, 1]), np.array([4.0, 4.0])

    assert cost_prior(dear, count, cost_usd).tolist() == [2.0, 6.0]


def test_the_expected_cost_is_right_on_the_records(artifact):
    extended = add_models(artifact, ["new"], records())

    _, cost_usd = expected(extended, "new")
    assert cost_usd.mean() == pytest.approx(DATASET.cost_usd[:, 4].mean(), rel=0.05)


def test_the_smoother_expects_on_the_records_what_they_cost_in_all():
    artifact = fitted(POLICIES[1], "a", "b", "c", "d")
    extended = add_models(artifact, ["new"], records())

    assert extended.profiles.smoother is not None
    cost_usd = extended.profiles.smoother.expect(VECTORS).cost_usd[:, 4]
    assert cost_usd.mean() == pytest.approx(DATASET.cost_usd[:, 4].mean(), rel=1e-6)


def test_a_free_model_stays_free(artifact):
    free = records(slice(0, 100))
    cost_usd = free.dataset.cost_usd.copy()
    cost_usd[:, 4] = 0
    dataset = replace(free.dataset, cost_usd=cost_usd)

    extended = add_models(artifact, ["new"], replace(free, dataset=dataset))

    assert expected(extended, "new")[1].max() == 0
    assert extended.choose(VECTORS[0], 0.0).model == "new"


def test_a_model_joins_others_that_are_all_free():
    dataset = replace(DATASET, cost_usd=np.zeros_like(DATASET.cost_usd))
    spec = SPEC.model_copy(update={"dimension": DIMENSION})
    config = FitConfig(KMeans(n_clusters=8, n_init=2), POLICIES[1], train_fraction=1.0)
    names = ("a", "b")
    free = fit_artifact(dataset.with_models(names), VECTORS, spec, config).artifact

    extended = add_models(free, ["new"], records())

    _, cost_usd = expected(extended, "new")
    assert cost_usd.mean() == pytest.approx(DATASET.cost_usd[:, 4].mean(), rel=0.2)


def test_several_models_with_gaps_are_added_at_once():
    artifact = fitted(POLICIES[1], "a", "c")
    score = DATASET.score.copy()
    score[:200, 1] = score[300:, 4] = np.nan
    gappy = NewRecords(replace(DATASET, score=score), VECTORS)

    extended = add_models(artifact, ["new", "b"], gappy)

    assert extended.models == ("a", "b", "c", "new")
    entries = {entry.model: entry.n_records for entry in extended.manifest.models}
    assert entries == {"a": 400, "b": 200, "c": 400, "new": 300}


def test_the_manifest_tells_what_was_added_and_no_old_metrics(artifact):
    manifest = artifact.manifest.model_copy(update={"metrics": {"paper": {"x": 1.0}}})
    prices = {"new": TokenPrice(1e-6, 2e-6)}
    few = replace(records(slice(0, 60)), prices=prices)

    extended = add_models(replace(artifact, manifest=manifest), ["new"], few).manifest

    (change,) = extended.provenance.extensions
    assert (change.kind, change.models, change.n_records) == ("add-model", ("new",), 60)
    assert change.sources == ("n.jsonl",)
    assert change.digest == few.dataset.with_models(["new"]).digest
    assert extended.metrics == {}
    assert extended.models[-1].output_usd_per_token == 2e-6


def test_the_artifact_id_is_that_of_the_new_arrays(artifact):
    extended = add_models(artifact, ["new"], records())

    arrays = arrays_of(extended.centroids, extended.profiles)
    assert extended.artifact_id == arrays_digest(arrays)


def test_models_to_add_are_the_new_ones_unless_named(artifact):
    assert new_models(artifact, DATASET) == ("new",)
    assert new_models(artifact, DATASET, ["new"]) == ("new",)


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        (["a"], "'a' is in the artifact: remove-model it first"),
        (["z"], "no records of model 'z'"),
    ],
)
def test_a_model_that_cannot_be_added_is_named(artifact, wanted, what):
    with pytest.raises(BadInput, match=what):
        new_models(artifact, DATASET, wanted)


def test_records_without_any_new_model_are_refused(artifact):
    with pytest.raises(BadInput, match="every model of the records"):
        new_models(artifact, DATASET.with_models(["a", "b"]))


def test_a_score_without_a_cost_is_refused(artifact):
    cost_usd = DATASET.cost_usd.copy()
    cost_usd[7, 4] = np.nan
    unknown = NewRecords(replace(DATASET, cost_usd=cost_usd), VECTORS)

    with pytest.raises(BadInput, match="'new': 1 scores without a cost"):
        add_models(artifact, ["new"], unknown)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_what_is_left_is_decided_as_before(artifact, alpha):
    smaller = remove_models(artifact, ["b"])

    assert smaller.models == ("a", "c", "d")
    for vector in VECTORS[:40]:
        before = artifact.choose(vector, alpha, ["a", "c", "d"])
        assert smaller.choose(vector, alpha).ranking == before.ranking
    (change,) = smaller.manifest.provenance.extensions
    assert (change.kind, change.models) == ("remove-model", ("b",))


@pytest.mark.parametrize(
    ("models", "what"),
    [(["a", "z", "y"], "not in the artifact: y, z"), (list("abcd"), "no model would")],
)
def test_what_cannot_be_removed_is_refused(artifact, models, what):
    with pytest.raises(BadInput, match=what):
        remove_models(artifact, models)

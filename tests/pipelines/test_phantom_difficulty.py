"""How hard the phantom is: what stays out of reach without looking closely, each figure an upper bound of its kind."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from model.findings import OBSERVATIONS
from model.metrics import grounding_figures
from model.pixels import PixelParams, to_model_input
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.dicom import encode
from pipelines.sources.phantom.plan import StudyPlan, plan_studies
from pipelines.sources.phantom.radiograph import radiograph
from pipelines.sources.phantom.scenario import Scenario

STUDIES = 900
SIZE = 128
GRID = 16
THUMBNAIL = 32

Values = NDArray[np.float64]
Truth = NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """`thumbnails` (studies, 32 x 32) and `truth` (studies, 14), in order; `hits` one per positive statement."""

    thumbnails: Values
    truth: Truth
    hits: list[float]


def sampled(plans: Sequence[StudyPlan]) -> Sample:
    """What the model would be shown of each study."""
    thumbnails, truth, hits = [], [], []
    for plan in plans:
        rows, columns = plan.shape(SIZE)
        shot = plan.shots[0]
        drawn = radiograph(plan.patient.body, plan.pose, shot.exposure, plan.abnormalities, plan.key, rows, columns)
        seen = to_model_input(encode(plan, shot, drawn.image), PixelParams(size=SIZE))
        patches = _means(seen.image, GRID)
        brightest = (patches == patches.max()).astype(np.float32)
        thumbnails.append(_means(seen.image, THUMBNAIL).ravel())
        truth.append([plan.labels().get(observation) == 1 for observation in OBSERVATIONS])
        for statement in plan.statements:
            if isinstance(statement.rests_on, Abnormality) and any(f.positive for f in statement.findings):
                mask = seen.geometry.mask_to_input(drawn.masks[statement.rests_on]) >= 0.5
                hits.append(grounding_figures(brightest, mask)["pointing_game"] if mask.any() else 0.0)
    return Sample(np.array(thumbnails), np.array(truth), hits)


def _means(image: NDArray[np.uint8], side: int) -> Values:
    block = len(image) // side
    means: Values = image.reshape(side, block, side, block).mean(axis=(1, 3))
    return means


def micro_f1(truth: Truth, said: Truth) -> float:
    return float(2 * (truth & said).sum() / (truth.sum() + said.sum()))


def regression_f1(sample: Sample) -> float:
    """Logistic regressions on thumbnails, one an observation: 60 % of the studies to learn from, 15 % to choose penalty
    and threshold, and the rest to score."""
    first, second = int(0.60 * len(sample.truth)), int(0.75 * len(sample.truth))
    features = (sample.thumbnails - sample.thumbnails[:first].mean(0)) / (sample.thumbnails[:first].std(0) + 1e-6)
    features = np.hstack([features, np.ones((len(features), 1))])
    learn, choose, score = (slice(0, first), slice(first, second), slice(second, None))
    best = (-1.0, -1.0)
    for penalty in (30.0, 100.0, 300.0, 1000.0, 3000.0):
        scores = features @ _fitted(features[learn], sample.truth[learn], penalty)
        for threshold in np.linspace(-3.0, 1.0, 41):
            chosen = micro_f1(sample.truth[choose], scores[choose] > threshold)
            best = max(best, (chosen, micro_f1(sample.truth[score], scores[score] > threshold)))
    return best[1]


def _fitted(features: Values, truth: Truth, penalty: float) -> Values:
    """Weights (features, observations); the last feature, the constant, is not penalised."""
    penalties = np.append(np.full(features.shape[1] - 1, penalty), 0.0)[:, None]
    shape = features.shape[1], truth.shape[1]

    def loss(flat: Values) -> tuple[float, Values]:
        weights = flat.reshape(shape)
        margin = features @ weights
        gradient = features.T @ (1.0 / (1.0 + np.exp(-margin)) - truth) + penalties * weights
        value = np.logaddexp(0.0, margin).sum() - margin[truth].sum() + 0.5 * (penalties * weights**2).sum()
        return float(value), gradient.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(found.x).reshape(shape)


def constant_f1(truth: Truth) -> float:
    """The best that any one report can say of all studies, chosen with the truth at hand.

    With a finding there is no "No Finding"; devices go with either.
    """
    shares = truth.mean(0)
    nothing, device = OBSERVATIONS.index("No Finding"), OBSERVATIONS.index("Support Devices")
    order = [k for k in np.argsort(-shares) if k != nothing]
    sets = [order[:n] for n in range(1, len(order) + 1)] + [[nothing], [nothing, device]]
    said = np.zeros((len(sets), len(OBSERVATIONS)), bool)
    for row, chosen in zip(said, sets, strict=True):
        row[chosen] = True
    return max(micro_f1(truth, np.broadcast_to(row, truth.shape)) for row in said)


@pytest.fixture(scope="module")
def sample() -> Sample:
    plans = plan_studies(seed=7, n=STUDIES, scenario=Scenario())
    return sampled([plan for plan in plans if max(plan.shape(SIZE)) == SIZE])


def test_thumbnails_do_not_tell_the_findings(sample: Sample) -> None:
    figure = regression_f1(sample)
    print(f"\nlogistic regression on {THUMBNAIL} x {THUMBNAIL} thumbnails: findings micro-F1 {figure:.3f}")
    assert figure < 0.50


def test_the_brightest_patch_is_seldom_the_finding(sample: Sample) -> None:
    figure = float(np.mean(sample.hits))
    print(f"\nbrightest patch within the finding: {figure:.3f} of {len(sample.hits)} positive statements")
    assert figure < 0.40


def test_no_constant_report_scores(sample: Sample) -> None:
    figure = constant_f1(sample.truth)
    print(f"\nbest constant report: findings micro-F1 {figure:.3f}")
    assert figure < 0.35

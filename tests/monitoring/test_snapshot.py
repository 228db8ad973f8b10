"""One snapshot of a whole stream: what comes of repeated, late, missing and changed input, and of drift."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.errors import BadInput
from model.metrics.bootstrap import Estimate
from monitoring.columns import Family
from monitoring.invented import QUIET, Drift
from monitoring.prometheus import render
from monitoring.reference import Reference
from monitoring.snapshot import Snapshot, snapshot
from monitoring.watched import Watched
from monitoring.window import drafted
from tests.monitoring.conftest import POLICY, after, keys, studies

ENTROPY = Drift(shifts={"attention.entropy": 0.5})
SIZE = POLICY.window_studies


def watch(stream: pd.DataFrame, reference: Reference, as_of: datetime | None = None) -> Snapshot:
    validated = {"bleu_4": Estimate(0.3, 0.29, 0.31)}
    return snapshot(
        stream,
        reviews_of(stream),
        Watched("radassist/7", reference, validated),
        POLICY,
        as_of or after(len(stream) + 1),
    )


def reviews_of(stream: pd.DataFrame) -> pd.DataFrame:
    """Half of the studies are reviewed, each a day after it was drafted."""
    reviewed = stream.sort_values("drafted_at").iloc[::2]
    return pd.DataFrame(
        {
            "study": reviewed["study"],
            "patient": reviewed["patient"],
            "reviewed_at": reviewed["drafted_at"] + pd.Timedelta(days=1),
            "edit_rate": [np.array([12.0, 60.0])] * len(reviewed),
        }
    )


@pytest.fixture(scope="module")
def quiet() -> pd.DataFrame:
    return studies(QUIET, QUIET)


@pytest.fixture(scope="module")
def drifted() -> pd.DataFrame:
    return studies(QUIET, ENTROPY, ENTROPY, seed=5)


def test_a_quiet_stream_raises_no_alarm(quiet: pd.DataFrame, reference: Reference) -> None:
    found = watch(quiet, reference)
    assert found.alarms == ()
    assert (len(found.history), found.waiting, found.repeated, found.skewed) == (2, 0, 0, 0)
    assert found.policy_sha256 == POLICY.sha256


def test_a_drift_is_confirmed_by_its_second_window_and_named(drifted: pd.DataFrame, reference: Reference) -> None:
    assert watch(drifted, reference, after(2 * SIZE)).alarms == ()
    found = watch(drifted, reference)
    assert keys(found) == {"distance:attention.entropy", "creep:attention.entropy"}
    assert {alarm.family for alarm in found.alarms} == {Family.ATTENTION}
    assert "in 2 of 3 windows" in found.alarms[0].text


def test_what_was_true_as_of_a_time_stays_true_whatever_comes_later(
    drifted: pd.DataFrame, reference: Reference
) -> None:
    then = after(SIZE + 500)
    early = watch(drifted[drifted["drafted_at"] <= then], reference, then).to_json()
    assert watch(drifted.sample(frac=1, random_state=0), reference, then).to_json() == early
    assert json.loads(early)["waiting"] == 500


def test_a_batch_that_comes_twice_counts_once(quiet: pd.DataFrame, reference: Reference) -> None:
    again = quiet.iloc[500:900].assign(drafted_at=quiet["drafted_at"] + pd.Timedelta(hours=1))
    found = watch(pd.concat([quiet, again]), reference, after(3 * SIZE))
    assert found.repeated == 400
    assert found.history == watch(quiet, reference).history


def test_a_wrong_clock_leaves_studies_out_and_is_an_alarm_where_they_are_many(
    quiet: pd.DataFrame, reference: Reference
) -> None:
    for wrong, alarms in ((100, set[str]()), (600, {"input:clock"})):
        late = quiet["arrived_at"].where(quiet.index >= wrong, quiet["arrived_at"] + pd.Timedelta(hours=2))
        found = watch(quiet.assign(arrived_at=late), reference)
        assert (found.skewed, len(found.history)) == (wrong, 1)
        assert keys(found) == alarms


def test_a_feature_that_is_gone_or_of_another_kind_is_named_and_the_others_are_judged(
    quiet: pd.DataFrame, reference: Reference
) -> None:
    changed = quiet.drop(columns=["image.noise", "image.view"]).assign(
        **{"text.words": quiet["text.words"].astype(str), "embedding": [np.zeros(3)] * len(quiet)}
    )
    found = watch(changed, reference)
    assert keys(found) == {"input:image.noise", "input:image.view", "input:text.words", "input:embedding"}
    assert "embedding.0" not in found.history[-1].distances
    assert "image.exposure" in found.history[-1].distances


def test_missing_labels_are_left_out_and_an_alarm_where_they_are_many(
    quiet: pd.DataFrame, reference: Reference
) -> None:
    edema = "finding.Edema"
    some = quiet.assign(**{edema: quiet[edema].where(quiet.index % 10 != 0)})
    found = watch(some, reference)
    assert keys(found) == set()
    assert found.history[-1].counted[edema].n == 900
    assert keys(watch(some.assign(**{edema: np.nan}), reference)) == {f"input:{edema}"}


def test_a_feature_that_the_reference_lacks_is_not_watched(training: pd.DataFrame, quiet: pd.DataFrame) -> None:
    without = Reference.of(training.drop(columns=["image.saturation", "embedding"]), POLICY)
    found = watch(quiet.drop(columns=["image.saturation", "embedding"]), without)
    assert keys(found) == set()
    assert "image.noise" in found.history[0].distances


def test_an_empty_stream_is_a_snapshot_without_figures(quiet: pd.DataFrame, reference: Reference) -> None:
    found = watch(quiet.iloc[:0], reference, after(0))
    assert (found.history, found.alarms, found.quality.figures, found.running.n) == ((), (), {}, 0)
    assert "nan" not in render(found)


@pytest.mark.parametrize("name", ["study", "arrived_at", "drafted_at"])
def test_a_stream_without_names_or_times_is_refused(quiet: pd.DataFrame, name: str) -> None:
    with pytest.raises(BadInput, match=f"a stream without {name}"):
        drafted(quiet.drop(columns=[name]), after(1), POLICY)


def test_a_time_without_a_zone_is_refused(quiet: pd.DataFrame) -> None:
    with pytest.raises(BadInput, match="no time"):
        drafted(quiet, datetime(2026, 3, 1), POLICY)


def test_no_patient_and_no_study_is_in_a_snapshot(drifted: pd.DataFrame, reference: Reference) -> None:
    found = watch(drifted, reference)
    for said in (found.to_json(), render(found)):
        assert "patient-" not in said
        assert "study-" not in said


def test_prometheus_reads_the_figures(drifted: pd.DataFrame, reference: Reference) -> None:
    lines = render(watch(drifted, reference)).splitlines()
    assert 'radassist_alarms{model="radassist/7",family="attention"} 2' in lines
    assert "# TYPE radassist_distance gauge" in lines
    assert sum(line.startswith("radassist_distance{") for line in lines) == 29
    assert 'radassist_latency_seconds{model="radassist/7",quantile="0.99"} 5' in lines
    assert all(line.startswith(("# HELP ", "# TYPE ", "radassist_")) for line in lines)


def test_a_reference_comes_back_from_its_file_as_it_was(
    quiet: pd.DataFrame, reference: Reference, tmp_path: Path
) -> None:
    path = tmp_path / "reference.safetensors"
    watched = Watched("radassist/7", reference, {"bleu_4": Estimate(0.3, 0.29, 0.31)}, frozenset({"ab"}))
    watched.save(path)
    back = Watched.load(path)
    assert (back.model_version, back.validated, back.templates) == ("radassist/7", watched.validated, watched.templates)
    assert back.sha256 == watched.sha256
    assert watch(quiet, back.reference).to_json() == watch(quiet, reference).to_json()
    (tmp_path / "other").write_text("{}")
    for wrong in (tmp_path / "none", tmp_path / "other"):
        with pytest.raises(BadInput, match="reference"):
            Watched.load(wrong)


def test_pictures_of_one_set_and_drafts_of_another_make_one_reference(
    training: pd.DataFrame, quiet: pd.DataFrame
) -> None:
    pictures = [name for name in training if name.startswith("image.")]
    parts = (training[pictures], training.drop(columns=pictures).head(5000))
    both = Reference.of(parts[0], POLICY).beside(Reference.of(parts[1], POLICY))
    assert both.moments["image.noise"].n == 20_000
    assert both.moments["text.words"].n == 5000
    assert watch(quiet, both).alarms == ()


def test_what_is_unknown_of_half_the_reference_may_be_unknown_of_half_a_window(
    training: pd.DataFrame, quiet: pd.DataFrame
) -> None:
    """Attention in sentences that state a finding: a healthy patient's report has none."""
    mass = "attention.mass_stated"
    halved, quartered = (
        frame.assign(**{mass: frame[mass].where(frame.index % every == 0)})
        for frame, every in ((training, 2), (quiet, 4))
    )
    reference = Reference.of(halved, POLICY)
    as_usual = quiet.assign(**{mass: quiet[mass].where(quiet.index % 2 == 0)})
    assert mass in watch(as_usual, reference).history[-1].distances
    assert keys(watch(as_usual, reference)) == set()
    assert keys(watch(quartered, reference)) == {f"input:{mass}"}


def test_a_study_that_failed_has_no_place_in_a_window(quiet: pd.DataFrame, reference: Reference) -> None:
    found = watch(quiet.assign(failed=(quiet.index < 300).astype(float)), reference, after(2 * SIZE))
    assert (len(found.history), found.waiting) == (1, 700)


def test_a_reference_of_one_study_is_refused(training: pd.DataFrame) -> None:
    with pytest.raises(BadInput, match="a reference of 1 studies"):
        Reference.of(training.head(1), POLICY)

"""What the phantom's studies are about: how often, what together, what after what, and in which words."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from model.findings import OBSERVATIONS, Certainty
from model.study import Section
from model.tokenizer import ReportTokenizer
from pipelines.sources.phantom.abnormalities import DEPICTED, Abnormality, Form, Size
from pipelines.sources.phantom.course import Course, course_of
from pipelines.sources.phantom.fields import Stream
from pipelines.sources.phantom.occurrence import draw_abnormalities
from pipelines.sources.phantom.plan import LARGE_AT, LARGE_EVERY, StudyPlan, plan_studies
from pipelines.sources.phantom.radiograph import Radiograph, radiograph
from pipelines.sources.phantom.regions import Region
from pipelines.sources.phantom.scenario import PREVALENCE, Scenario
from pipelines.sources.phantom.wordings import write_statements


@pytest.fixture(scope="module")
def many() -> list[StudyPlan]:
    return list(plan_studies(seed=7, n=3000, scenario=Scenario()))


def share(many: list[StudyPlan], observation: str, among: str | None = None) -> float:
    there = [{a.observation for a in plan.abnormalities} for plan in many]
    chosen = [found for found in there if among is None or among in found]
    return sum(observation in found for found in chosen) / len(chosen)


# -- what is there


def test_prevalences_are_skewed_and_about_as_declared(many: list[StudyPlan]) -> None:
    shares = {observation: share(many, observation) for observation in DEPICTED}
    assert all(0.6 * PREVALENCE[o] < shares[o] < 1.5 * PREVALENCE[o] for o in DEPICTED), shares
    assert 1.6 < sum(shares.values()) < 2.2
    assert 0.18 < sum(not plan.abnormalities for plan in many) / len(many) < 0.26


def test_a_declared_prevalence_is_drawn() -> None:
    wanted = Scenario(healthy=0.1, prevalence={**dict.fromkeys(DEPICTED, 0.0), "Edema": 0.4, "Fracture": 0.1})
    plans = list(plan_studies(seed=1, n=1500, scenario=wanted))
    assert {a.observation for plan in plans for a in plan.abnormalities} == {"Edema", "Fracture"}
    assert share(plans, "Edema") == pytest.approx(0.4, abs=0.05)
    assert share(plans, "Fracture") == pytest.approx(0.1, abs=0.03)


def test_what_goes_together_in_life_goes_together(many: list[StudyPlan]) -> None:
    for observation, beside in (
        ("Edema", "Cardiomegaly"),
        ("Pleural Effusion", "Edema"),
    ):
        assert share(many, observation, beside) > 1.25 * share(many, observation)
    bedside = [plan for plan in many if plan.shots[0].view == "AP"]
    upright = [plan for plan in many if plan.shots[0].view == "PA"]
    assert share(bedside, "Support Devices") > 2 * share(upright, "Support Devices")
    tubes = {Form.ENDOTRACHEAL_TUBE, Form.GASTRIC_TUBE}
    drained = [p for p in many if any(a.form is Form.CHEST_TUBE for a in p.abnormalities)]
    assert share(drained, "Pneumothorax") > 2 * share(many, "Pneumothorax")
    assert any(tubes <= {a.form for a in plan.abnormalities} for plan in bedside)


def test_all_but_devices_are_there_once(many: list[StudyPlan]) -> None:
    for plan in many:
        counts = Counter(a.observation for a in plan.abnormalities if a.observation != "Support Devices")
        assert not counts or max(counts.values()) == 1
        devices = [a.form for a in plan.abnormalities if a.observation == "Support Devices"]
        assert len(set(devices)) == len(devices)


def test_no_finding_hides_another(many: list[StudyPlan]) -> None:
    """Taken out of its study, each changes the picture where its mask lies, however much else is there."""
    crowded = [plan for plan in many if len(plan.abnormalities) >= 4 and plan.number % LARGE_EVERY != LARGE_AT]
    for plan in crowded[:20]:
        whole = picture(plan, plan.abnormalities)
        for abnormality, mask in whole.masks.items():
            rest = picture(plan, tuple(a for a in plan.abnormalities if a != abnormality))
            change = np.abs(whole.image - rest.image)[mask]
            assert mask.sum() >= 8, (plan.number, abnormality)
            assert np.percentile(change, 90) > 0.03, (plan.number, abnormality)


def picture(plan: StudyPlan, abnormalities: tuple[Abnormality, ...]) -> Radiograph:
    body, exposure = plan.patient.body, plan.shots[0].exposure
    return radiograph(body, plan.pose, exposure, abnormalities, plan.key, *plan.shape(96))


def test_a_patient_is_in_one_split(many: list[StudyPlan]) -> None:
    splits = defaultdict(set)
    for plan in many:
        splits[plan.patient.subject_id].add(plan.patient.split)
    assert all(len(found) == 1 for found in splits.values())
    shares = Counter(split for found in splits.values() for split in found)
    for split, part in {"train": 0.8, "validate": 0.08, "test": 0.12}.items():
        assert shares[split] / len(splits) == pytest.approx(part, abs=0.01)


def test_a_small_set_has_every_split() -> None:
    assert {plan.patient.split for plan in plan_studies(1, 16, Scenario())} == {"train", "validate", "test"}


# -- one study after another


def followed(many: list[StudyPlan]) -> Iterator[tuple[StudyPlan, StudyPlan]]:
    return ((a, b) for a, b in pairwise(many) if a.patient.number == b.patient.number)


def test_a_patient_stays_the_same_and_grows_older(many: list[StudyPlan]) -> None:
    pairs = list(followed(many))
    assert len(pairs) > 800
    for before, after in pairs:
        assert before.patient == after.patient
        assert after.earlier == before.day < after.day
        assert 18 <= before.age <= after.age <= 95


def test_findings_stay_change_and_go(many: list[StudyPlan]) -> None:
    courses = Counter(
        course_of(abnormality, before.abnormalities)
        for before, after in followed(many)
        for abnormality in after.abnormalities
        if abnormality.observation != "Support Devices"
    )
    assert min(courses[course] for course in Course) > 60
    for before, after in followed(many):
        old = {a.observation: a for a in before.abnormalities}
        for new in after.abnormalities:
            if new.observation in old and course_of(new, before.abnormalities) is not Course.NEW:
                then = next(a for a in before.abnormalities if (a.observation, a.form) == (new.observation, new.form))
                assert (new.side, new.zone, new.form) == (then.side, then.zone, then.form)
    assert all(
        any(a.form is Form.PACEMAKER for a in after.abnormalities)
        for before, after in followed(many)
        if any(a.form is Form.PACEMAKER for a in before.abnormalities)
    )


def test_how_a_finding_compares() -> None:
    small, large = (Abnormality("Edema", size) for size in (Size.SMALL, Size.LARGE))
    assert course_of(large, [small]) is Course.INCREASED
    assert course_of(small, [large]) is Course.DECREASED
    assert course_of(small, [small]) is Course.UNCHANGED
    assert course_of(small, []) is Course.NEW


# -- the words


def words(*abnormalities: Abnormality, before: tuple[Abnormality, ...] | None = None, n: int = 400) -> list[str]:
    """Many reports of one and the same study."""
    reports = (write_statements("PA", abnormalities, before, Stream("words", k)) for k in range(n))
    return [" ".join(s.text for s in report) for report in reports]


def test_one_wording_is_common_and_others_are_rare() -> None:
    effusion = draw_one("Pleural Effusion")
    first = Counter(
        next(s.text for s in write_statements("PA", (effusion,), None, Stream("skew", k)) if s.rests_on == effusion)
        for k in range(1000)
    )
    assert len(first) >= 8
    assert 0.3 < first.most_common(1)[0][1] / 1000 < 0.6


def draw_one(observation: str) -> Abnormality:
    wanted = {**dict.fromkeys(DEPICTED, 0.0), observation: 1.0}
    return next(
        a
        for k in range(99)
        for a in draw_abnormalities(wanted, 0.0, None, False, Stream("one", k))
        if not a.faint and a.size is not Size.SMALL
    )


def test_normal_studies_do_not_all_read_alike() -> None:
    reports = Counter(words(n=1000))
    assert len(reports) > 100
    assert reports.most_common(1)[0][1] < 100
    assert all(report.split(". ")[-1].startswith("No acute") for report in reports)


def test_a_change_is_told_and_only_where_there_was_a_study_before() -> None:
    small, large = (Abnormality("Pneumothorax", size, side=None) for size in (Size.SMALL, Size.LARGE))
    alone, grown, gone = words(large), words(large, before=(small,)), words(before=(small,))
    told = ("increased", "Worsening", "larger")
    assert not any(word in report for word in (*told, "prior", "unchanged", "New") for report in alone)
    assert 0.4 < sum(any(word in report for word in told) for report in grown) / len(grown) < 0.8
    assert 0.4 < sum("pneumothorax has resolved" in report for report in gone) / len(gone) < 0.8


def test_what_is_faint_is_hedged_throughout(many: list[StudyPlan]) -> None:
    hedged = [s for plan in many for s in plan.statements if isinstance(s.rests_on, Abnormality) and s.rests_on.faint]
    assert len(hedged) > 300
    for statement in hedged:
        certainty = {f.observation: f.certainty for f in statement.findings}[statement.rests_on.observation]
        assert certainty is Certainty.POSSIBLE
    likely = [f for plan in many for s in plan.statements for f in s.findings if f.certainty is Certainty.LIKELY]
    assert likely


def test_a_report_denies_nothing_that_it_states(many: list[StudyPlan]) -> None:
    for plan in many:
        stated = {f.observation for s in plan.statements for f in s.findings if f.certainty is not Certainty.NEGATED}
        denied = {f.observation for s in plan.statements for f in s.findings if f.certainty is Certainty.NEGATED}
        assert stated & denied <= {"Support Devices"}  # one removed, another in place
        assert len(denied) <= 9


def test_denials_rest_on_the_anatomy_that_they_speak_of(many: list[StudyPlan]) -> None:
    places = {s.text: s.rests_on for plan in many for s in plan.statements if isinstance(s.rests_on, tuple)}
    assert places["No pleural effusion or pneumothorax."] == (Region.ANGLES, Region.APICES)
    assert places["The lungs are clear."] == (Region.LUNGS,)
    assert places["Heart size and mediastinal contours are normal."] == (Region.HEART, Region.MEDIASTINUM)
    assert places["No acute cardiopulmonary abnormality."] == (Region.CHEST,)
    assert len(places) > 40


def test_reports_fit_the_models_text(many: list[StudyPlan]) -> None:
    """At 1,024 tokens of vocabulary and 128 of length, hardly a report is cut, and none is too short to be kept."""
    drafted = [[(s.section, s.text) for s in plan.statements] for plan in many]
    lengths = sorted(sum(len(text.split()) for _, text in report) for report in drafted)
    assert lengths[0] >= 10
    assert 35 <= lengths[len(lengths) // 2] <= 60
    tokenizer = ReportTokenizer.train([text for report in drafted for _, text in report], 1024)
    cut = [max(tokenizer.encode(report, 128).sentence) + 1 < len(report) for report in drafted]
    print(f"\nreports cut at 128 tokens: {sum(cut) / len(cut):.4f}")
    assert sum(cut) / len(cut) < 0.02
    assert all(any(section is Section.IMPRESSION for section, _ in report) for report in drafted)


# -- labels


def test_labels_follow_the_statements(many: list[StudyPlan]) -> None:
    for plan in many:
        labels = plan.labels()
        assert set(labels) <= set(OBSERVATIONS)
        for a in plan.abnormalities:
            pneumonia = a.observation == "Lung Opacity" and labels.get("Pneumonia")  # its opacities are seen
            assert labels[a.observation] == (-1 if a.faint and not pneumonia else 1)
        others = [label for name, label in labels.items() if name not in ("No Finding", "Support Devices")]
        assert labels.get("No Finding") == (None if any(others) else 1)
    assert {label for plan in many for label in plan.labels().values()} == {1, 0, -1}

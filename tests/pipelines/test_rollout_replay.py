"""Whole rollouts through the records on a clock of their own: arrivals, routes, drafts, signatures, ticks."""

import json
from collections.abc import Sequence
from dataclasses import replace as changed
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, func, select

from model.report import GroundedSentence
from monitoring.features import sentence_numbers
from monitoring.stream import EARLIEST, LATEST, features
from pipelines.reviewed import satisfaction
from pipelines.rollout.cases import Case, Draft, read_cases, weakened
from pipelines.rollout.courses import beside, drafted
from pipelines.rollout.reading_room import compared, reading_seconds, signed
from pipelines.rollout.replay import BEGIN, CANDIDATE, CHAMPION, Replay, follow, prepare, replay
from pipelines.rollout.stream import Stream
from pipelines.written_reports import WrittenReport
from records import tables
from records.database import open_database, reading
from records.reviews import Comparison
from records.windows import of_rollout, window
from release.phases import Phase
from release.state import State, move
from release.store import apply, broken, every
from tests.pipelines.conftest import STUDIES, drafts_line
from tests.release.conftest import POLICY

LARGE = WrittenReport(
    ("The heart is enlarged.", "There is a small left pleural effusion."), ("Left pleural effusion.",)
)
CLEAR = WrittenReport(("The lungs are clear.", "Heart size is normal."), ("No acute findings.",))
CASES = [Case(str(n), LARGE if n % 4 else CLEAR, Draft(LARGE if n % 4 else CLEAR)) for n in range(40)]

# Nine days and as few studies as a wide margin allows.
QUICK = POLICY.model_copy(
    update={
        "misses": POLICY.misses.model_copy(update={"margin": 0.3, "pass_alpha": 0.3, "canary_stop_alpha": 0.03}),
        "faults": POLICY.faults.model_copy(update={"margin": 0.3, "pass_alpha": 0.3}),
        "edit_rate": POLICY.edit_rate.model_copy(update={"margin": 0.3, "pass_alpha": 0.3}),
        "alpha": 0.1,
        "label_lag_hours": 6,
        "shadow": POLICY.shadow.model_copy(update={"minimum_hours": 48, "minimum_studies": 30, "misses_margin": 0.3}),
        "steps": tuple(
            step.model_copy(update={"weight": weight, "minimum_studies": 5, "misses_margin": 0.3, "minimum_hours": 72})
            for step, weight in zip(POLICY.steps, (0.3, 0.5, 0.75), strict=True)
        ),
    }
)


def played(out: Path, **changes: float) -> list[State]:
    asked = Replay(QUICK, studies_per_day=40, champion=0.3, candidate=0.0, days=30, tick_hours=12, seed=1)
    return list(replay(changed(asked, **changes), CASES, out))  # type: ignore[arg-type]


def test_a_better_candidate_goes_from_shadow_to_all_studies_in_eleven_days(tmp_path: Path) -> None:
    states = played(tmp_path)
    assert [(state.phase, state.weight) for state in states] == [
        (Phase.SHADOWING, 0),
        (Phase.AWAITING_CANARY, 0),
        (Phase.CANARY, 0.3),
        (Phase.RAMPING, 0.5),
        (Phase.RAMPING, 0.75),
        (Phase.AWAITING_FULL, 0.75),
        (Phase.PROMOTED, 1),
    ]
    assert timedelta(days=11) <= states[-1].since - states[0].since <= timedelta(days=14)
    page = (tmp_path / "index.html").read_text()
    assert all(word in page for word in ("Promoted", "approved by Replay Reader", "In shadow", "In traffic", "<svg"))
    engine = open_database(f"sqlite:///{tmp_path / 'records.db'}")
    with reading(engine) as connection:
        assert broken(connection) is None
        here = every(connection)[-1].state
        figures = beside(of_rollout(connection, here.id), drafted(connection, here.id), here)
    of = {(row["stage"], row["model"]): row for row in figures.to_dict("records")}
    assert of["shadow", CANDIDATE]["missed"] < of["shadow", CHAMPION]["missed"]
    assert of["shadow", CANDIDATE]["alike"] == pytest.approx(0.8, abs=0.15)  # the champion leaves out, in 3 of 10
    assert of["traffic", CANDIDATE]["edit_rate"] < of["traffic", CHAMPION]["edit_rate"]
    assert of["traffic", CHAMPION]["reading_seconds"] > 20 < of["traffic", CANDIDATE]["reading_seconds"]


def test_a_harmful_candidate_is_rolled_back_by_itself(tmp_path: Path) -> None:
    states = played(tmp_path, champion=0.0, candidate=1.0)
    assert [state.phase for state in states] == [Phase.SHADOWING, Phase.ROLLED_BACK]
    assert states[-1].weight == 0
    assert "misses rose by" in (tmp_path / "index.html").read_text()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Records in which the champion drafts, and the candidate's rollout has begun."""
    engine = open_database(f"sqlite:///{tmp_path / 'records.db'}")
    key = Ed25519PrivateKey.generate()
    prepare(engine, QUICK, key)
    return engine


def stream(engine: Engine, candidate: Sequence[Draft | None], **changes: float) -> Stream:
    drafts = {CHAMPION: weakened(CASES, 0.3, CHAMPION), CANDIDATE: candidate}
    return Stream(engine, CASES, drafts, studies_per_day=40, now=BEGIN, signing_hours=1, **changes)  # type: ignore[arg-type]


def test_a_dead_shadow_slows_nobody_and_ends_the_rollout(engine: Engine) -> None:
    one = stream(engine, [None] * len(CASES))
    states = list(follow(engine, one, QUICK, None, days=10, tick_hours=12))
    assert [state.phase for state in states] == [Phase.SHADOWING, Phase.ROLLED_BACK]
    with reading(engine) as connection:
        p = tables.predictions.c
        failed = select(func.count()).where(p.role == "live", p.error.is_not(None))
        assert connection.execute(failed).scalar_one() == 0
        assert broken(connection) is None


def test_to_the_monitors_a_normal_draft_states_nothing_and_is_not_unknown(engine: Engine) -> None:
    stream(engine, [case.draft for case in CASES]).advance(BEGIN + timedelta(days=1))
    with reading(engine) as connection:
        found = features(window(connection, EARLIEST, LATEST))
    assert set(found["finding.Pleural Effusion"]) == set(found["finding.Cardiomegaly"]) == {0.0, 1.0}


def test_without_signed_reports_nothing_goes_forward_and_a_person_is_asked(engine: Engine) -> None:
    one = stream(engine, [case.draft for case in CASES], signed_share=0.0)
    states = list(follow(engine, one, QUICK, None, days=10, tick_hours=12))
    assert [state.phase for state in states] == [Phase.SHADOWING, Phase.INCONCLUSIVE, Phase.ABORTED]


def test_the_champion_steps_in_where_a_candidate_in_traffic_fails(engine: Engine) -> None:
    with reading(engine) as connection:
        state = every(connection)[-1].state
    apply(engine, move(state, BEGIN, "for the test", phase=Phase.CANARY, step=0, weight=0.3), BEGIN)
    one = stream(engine, [None] * len(CASES))
    one.advance(BEGIN + timedelta(days=2))
    with reading(engine) as connection:
        rows = connection.execute(select(tables.outcomes.c.model, tables.outcomes.c.arm, tables.outcomes.c.shown)).all()
    sent = [model for model, arm, _ in rows if arm == "candidate"]
    assert sent.count(CANDIDATE) == sent.count(CHAMPION) > 5
    assert all(model == CHAMPION for model, _, shown in rows if shown)


def test_a_reader_changes_what_is_wrong_or_missing_and_takes_longer_for_it() -> None:
    draft = WrittenReport(("The heart is enlarged.", "There is a right pleural effusion."), ())
    report = signed(draft, LARGE)
    assert report.findings == ("The heart is enlarged.", "There is a left pleural effusion.")
    found = compared("p1", draft, report)
    assert (found.missed, found.false_alarms) == (1, 1)
    assert 0 < found.words_changed < found.words_signed
    normal = WrittenReport(("The lungs are clear.",), ("No acute findings.",))
    assert compared("p1", WrittenReport(normal.findings, ()), normal).missed == 0  # that nothing is there is no finding
    nothing = compared("p1", LARGE, LARGE)
    assert (nothing.missed, nothing.false_alarms, nothing.words_changed) == (0, 0, 0)
    rng = np.random.default_rng(0)
    slow, quick = (
        np.mean([reading_seconds(text, signed(text, LARGE), rng) for _ in range(200)]) for text in (draft, LARGE)
    )
    assert slow > quick


def test_a_reader_is_the_less_content_the_more_there_was_to_change() -> None:
    changed = [
        Comparison(prediction="p", missed=0, false_alarms=0, words_changed=n, words_signed=20, compared_by="1")
        for n in (0, 1, 5, 6, 15, 16, 40)
    ]
    assert [satisfaction(comparison) for comparison in changed] == [5, 4, 4, 3, 2, 1, 1]


def test_a_weakened_model_leaves_out_one_finding_in_its_share_of_the_studies() -> None:
    weaker = weakened(CASES, 0.5, "a")
    changed_here = [n for n, draft in enumerate(weaker) if draft != CASES[n].draft]
    assert 8 <= len(changed_here) <= 22
    assert weaker[changed_here[0]].text == WrittenReport(
        ("There is a small left pleural effusion.",), ("Left pleural effusion.",)
    )
    assert weakened(CASES, 0.0, "a") == [case.draft for case in CASES]
    assert weakened(CASES, 0.5, "b") != weaker


def test_cases_come_from_an_evaluation_and_what_was_withheld_is_shown_to_nobody(tmp_path: Path) -> None:
    lines = [drafts_line(study) for study in STUDIES]
    lines[0]["draft"]["sentences"][0]["withheld"] = True
    (tmp_path / "drafts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    cases = read_cases(tmp_path / "drafts.jsonl")
    assert [case.id for case in cases] == list(STUDIES)
    drafted = lines[0]["draft"]["sentences"]
    assert cases[0].draft.text.text == " ".join(sentence["text"] for sentence in drafted[1:])
    kept = [GroundedSentence.from_json(sentence) for sentence in drafted]
    assert [one.model_dump(mode="json") for one in cases[0].draft.sentences] == list(map(sentence_numbers, kept))
    assert cases[1].reference.text == " ".join(s["text"] for s in lines[1]["reference"]["sentences"])

"""Models, studies, predictions and reviews, as tests enter them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from records.models import Model, enter_model
from records.predictions import Prediction, Role, Sentence, Study, Text, enter_prediction, enter_study
from records.reviews import Comparison, Review, enter_comparison, enter_review
from tests.records.conftest import NOW

DRAFT = Text(findings="The heart is large.", impression="Cardiomegaly.")
SIGNED = Text(findings="The heart is large. Small left effusion.", impression="Cardiomegaly. Effusion.")
SENTENCE = Sentence(kind="finding", entropy=0.4, null_mass=0.02, score=0.9, verdict="grounded")


def seconds(number: float) -> datetime:
    return NOW + timedelta(seconds=number)


def model(name: str = "m1", **changes: Any) -> Model:
    values: dict[str, Any] = {
        "weights_sha256": "1" * 64,
        "git_commit": "2" * 40,
        "data_md5": "3" * 32 + ".dir",
        "dvc_lock_sha256": "4" * 64,
        "gate_sha256": "5" * 64,
        "run": "R1",
        "mlflow_run": "6" * 32,
        "registered_at": NOW,
    }
    return Model(model=name, **values | changes)


def study(name: str = "s1", **changes: Any) -> Study:
    values: dict[str, Any] = {"patient": "p1", "arrived_at": NOW, "view": "PA", "device": "Fuji FDR"}
    return Study(study=name, **values | changes)


def prediction(name: str = "s1", by: str = "m1", **changes: Any) -> Prediction:
    values: dict[str, Any] = {"role": Role.LIVE, "drafted_at": seconds(2), "seconds": 2.0}
    if "error" not in changes:
        values |= {
            "confidence": 0.75,
            "sentences": (SENTENCE,),
            "findings": {"Cardiomegaly": 1},
            "words": {"length": 4},
            "image": {"sharpness": 1.5},
        }
    return Prediction(study=name, model=by, **values | changes)


def enter(connection: Connection, made: Prediction) -> str:
    return enter_prediction(connection, made, None if made.error else DRAFT)


def begin(connection: Connection, *models: str) -> None:
    for name in models or ("m1",):
        enter_model(connection, model(name))


def review_of(made: Prediction, **changes: Any) -> Review:
    values: dict[str, Any] = {"draft": made.id, "reviewer": "r1", "reading_seconds": 30.0, "signed_at": seconds(3600)}
    return Review(study=made.study, **values | changes)


def comparison_of(made: Prediction, **changes: Any) -> Comparison:
    values: dict[str, Any] = {
        "missed": 1,
        "false_alarms": 0,
        "words_changed": 4,
        "words_signed": 9,
        "statistics": {"bleu_4": (5.0, 4.0, 3.0, 2.0, 5.0, 4.0, 3.0, 2.0, 5.0, 9.0)},
        "compared_by": "1",
    }
    return Comparison(prediction=made.id, **values | changes)


def draft(connection: Connection, made: Prediction, *, signed: bool = True) -> str:
    """A study, its prediction and, where it is signed, the review and the comparison."""
    enter_study(connection, study(made.study, arrived_at=made.drafted_at - timedelta(seconds=made.seconds)))
    report = enter(connection, made)
    if signed:
        enter_review(connection, review_of(made), SIGNED)
        enter_comparison(connection, comparison_of(made))
    return report

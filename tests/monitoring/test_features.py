"""What is kept of a draft: numbers worked by hand, and that they tell what they are named for."""

import numpy as np
import pytest

from model.findings import Certainty, Finding
from model.pixels import Geometry
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section
from monitoring.features import fingerprint, image_numbers, kind, sentence_numbers, word_numbers

WIDE = Geometry.fit(200, 100, 64)  # 64 x 32, padded above and below


def picture(grey: np.ndarray) -> np.ndarray:
    """Grey values 0 to 255 of the image proper, (32, 64), in its padding."""
    padded = np.zeros((64, 64), np.uint8)
    padded[16:48] = grey
    return padded


def sentence(
    text: str, *findings: Finding, mass: float = 1.0, patches: int = 3, withheld: bool = False
) -> GroundedSentence:
    even = np.full((1, patches), mass / patches, np.float32)
    return GroundedSentence(
        text, Section.FINDINGS, even, 1 - mass, (), 0.5, Verdict.WEAK, tuple(findings), withheld=withheld
    )


def report(*sentences: GroundedSentence) -> GroundedReport:
    return GroundedReport("s", sentences, 200, 100, "m", "0" * 64, 0.5)


def test_numbers_of_an_even_picture() -> None:
    found = image_numbers(picture(np.full((32, 64), 51)), WIDE)
    assert found == pytest.approx(
        {
            "intensity_mean": 0.2,
            "intensity_sd": 0,
            "intensity_p01": 0.2,
            "intensity_p99": 0.2,
            "aspect_ratio": 2.0,
            "sharpness": 0,
            "noise": 0,
            "exposure": 0.2,
            "saturation": 0,
        },
        abs=1e-6,
    )


def test_the_grain_is_measured_whatever_the_picture_under_it() -> None:
    """Immerkaer's estimate is of the grain's standard deviation, and blind to a ramp."""
    ramp = np.linspace(60, 180, 64)[None, :].repeat(32, 0)
    grain = np.random.default_rng(0).normal(0, 10, ramp.shape)
    assert image_numbers(picture(np.round(ramp)), WIDE)["noise"] < 0.3 / 255 * 4
    assert image_numbers(picture(np.round(ramp + grain)), WIDE)["noise"] == pytest.approx(10 / 255, rel=0.1)


def test_a_quarter_of_black_and_white_is_saturation_of_a_quarter() -> None:
    grey = np.full((32, 64), 100)
    grey[:4], grey[4:8] = 0, 255
    assert image_numbers(picture(grey), WIDE)["saturation"] == 0.25


def test_words_are_those_that_a_reader_is_shown() -> None:
    drafted = report(
        sentence("The heart is large."), sentence("the  heart is large."), sentence("Hidden words.", withheld=True)
    )
    assert word_numbers(drafted, {fingerprint(" The heart is large. THE heart is large.")}) == {
        "words": 8.0,
        "distinct": 0.5,
        "repeated": 0.5,
        "template": 1.0,
    }
    assert word_numbers(drafted, frozenset())["template"] == 0
    assert word_numbers(report(), frozenset()) == {}


@pytest.mark.parametrize(
    ("certainties", "known"),
    [
        ([Certainty.NEGATED], "denial"),
        ([Certainty.NEGATED, Certainty.POSSIBLE], "finding"),
        ([Certainty.DEFINITE], "finding"),
        ([], "normal"),
    ],
)
def test_a_sentence_states_denies_or_calls_normal(certainties: list[Certainty], known: str) -> None:
    assert kind(sentence("", *(Finding("Edema", certainty) for certainty in certainties))) == known


def test_even_attention_has_entropy_1_and_none_counts_as_even() -> None:
    assert sentence_numbers(sentence("", mass=0.75))["entropy"] == pytest.approx(1.0)
    assert sentence_numbers(sentence("", mass=0.75))["null_mass"] == pytest.approx(0.25)
    nowhere = GroundedSentence("", Section.FINDINGS, np.zeros((1, 3), np.float32), 0.0, (), 0.0, Verdict.UNGROUNDED)
    assert sentence_numbers(nowhere)["entropy"] == 1.0

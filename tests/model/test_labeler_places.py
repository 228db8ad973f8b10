"""Side and zone, as the sentence puts them."""

import pytest

from model.findings import Side, Zone
from model.labeler import label_sentence

L, R, B = Side.LEFT, Side.RIGHT, Side.BILATERAL
UP, MID, LOW = Zone.UPPER, Zone.MIDDLE, Zone.LOWER


def places(sentence: str) -> list[tuple[str, Side | None, Zone | None]]:
    return [(finding.observation, finding.side, finding.zone) for finding in label_sentence(sentence)]


@pytest.mark.parametrize(
    ("sentence", "side", "zone"),
    [
        ("Left pleural effusion.", L, None),
        ("Pleural effusion.", None, None),
        ("Opacity in the right upper lobe.", R, UP),
        ("Opacity in the right middle lobe.", R, MID),
        ("Consolidation within the lingula.", L, MID),
        ("At the left base, there is consolidation.", L, LOW),
        ("The right lung base shows an opacity.", R, LOW),
        ("Bibasilar atelectasis.", B, LOW),
        ("Opacities at both lung bases.", B, LOW),
        ("Pleural effusions, left greater than right.", B, None),
        ("Small right and moderate left pleural effusions.", B, None),
        ("Left apical pneumothorax.", L, UP),
        ("Retrocardiac opacity.", None, LOW),
        ("RLL consolidation.", R, LOW),
        ("No right pneumothorax.", R, None),
        ("Nodule in the left mid zone.", L, MID),
        ("Prominent left ventricle with edema.", None, None),
        ("Low lung volumes with atelectasis in the lower lung volumes.", None, None),
    ],
)
def test_one_finding(sentence: str, side: Side | None, zone: Zone | None) -> None:
    assert places(sentence)[0][1:] == (side, zone)


def test_each_finding_keeps_its_own_place() -> None:
    assert places("Right upper lobe mass with left lower lobe atelectasis.") == [
        ("Lung Lesion", R, UP),
        ("Atelectasis", L, LOW),
    ]
    assert places("There is a small left apical pneumothorax and a moderate right pleural effusion.") == [
        ("Pneumothorax", L, UP),
        ("Pleural Effusion", R, None),
    ]


def test_one_finding_in_two_places_is_two() -> None:
    assert places("Right upper and left lower lobe opacities.") == [
        ("Lung Opacity", R, UP),
        ("Lung Opacity", L, LOW),
    ]


def test_what_stands_beside_or_explains_a_finding_shares_its_place() -> None:
    assert places("Left effusion with adjacent atelectasis.")[1] == ("Atelectasis", L, None)
    assert places("Right lower lobe opacity may represent pneumonia.")[1] == ("Pneumonia", R, LOW)
    assert places("Opacity in the right middle lobe, likely pneumonia.")[1] == ("Pneumonia", R, MID)


def test_the_place_of_another_clause_is_not_borrowed() -> None:
    assert places("Left pleural effusion; edema.") == [("Pleural Effusion", L, None), ("Edema", None, None)]
    assert places("Edema but no left effusion.")[0] == ("Edema", None, None)


def test_the_heart_has_no_side() -> None:
    assert places("Cardiomegaly with a left pleural effusion.") == [
        ("Cardiomegaly", None, None),
        ("Pleural Effusion", L, None),
    ]

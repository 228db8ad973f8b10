"""Which drafted statement answers which of the reference."""

from model.findings import Certainty, Finding, Side, Zone
from model.labeler import label_sentence
from model.metrics import match_statements


def answers(reference: list[str], draft: list[str]) -> list[int | None]:
    matches = match_statements(*([label_sentence(sentence) for sentence in side] for side in (reference, draft)))
    return [match.candidate for match in matches]


def test_the_same_finding_on_the_same_side_answers() -> None:
    assert answers(["Left effusion.", "Cardiomegaly."], ["Mild cardiomegaly.", "Small left effusion."]) == [1, 0]


def test_the_other_side_and_no_side_do_not_answer_a_side() -> None:
    assert answers(["Left effusion."], ["Right effusion."]) == [None]
    assert answers(["Left effusion."], ["Pleural effusion."]) == [None]
    assert answers(["Bilateral effusions."], ["Left effusion."]) == [None]


def test_a_reference_without_a_side_takes_any() -> None:
    assert answers(["Pleural effusion."], ["Right effusion."]) == [0]


def test_denied_and_possible_statements_neither_ask_nor_answer() -> None:
    assert answers(["No effusion.", "Possible pneumonia."], ["Effusion.", "Pneumonia."]) == []
    assert answers(["Effusion."], ["No effusion.", "Possible effusion."]) == [None]


def test_one_statement_answers_one() -> None:
    assert answers(["Left lung nodule.", "Left lung nodule."], ["Left lung nodule."]) == [0, None]


def test_zones_decide_between_statements_of_one_side() -> None:
    draft = ["Right lower lobe nodule.", "Right upper lobe nodule."]
    assert answers(["Right upper lobe nodule.", "Right lower lobe nodule."], draft) == [1, 0]


def test_as_many_as_can_be_are_matched() -> None:
    # The reference without a side could take the left draft; the left reference can take no other.
    assert sorted(answers(["Effusion.", "Left effusion."], ["Left effusion.", "Right effusion."])) == [0, 1]


def test_one_sentence_may_hold_two_statements() -> None:
    assert answers(["Cardiomegaly with left effusion."], ["Left effusion.", "Cardiomegaly."]) == [1, 0]


def test_the_match_names_what_was_asked() -> None:
    asked = Finding("Consolidation", Certainty.LIKELY, Side.RIGHT, Zone.LOWER)
    [match] = match_statements([(), (asked,)], [])
    assert (match.finding, match.reference, match.candidate) == (asked, 1, None)


def test_among_equals_the_order_decides() -> None:
    devices = ["An endotracheal tube is present.", "An enteric tube is present.", "Sternotomy wires are present."]
    assert answers(devices, devices) == [0, 1, 2]
    assert answers(devices, devices[:2]) == [0, 1, None]

"""What the phantom writes, the labeler reads: finding, certainty, side and zone of every sentence."""

from model.labeler import label_sentence
from pipelines.sources.phantom.abnormalities import draw_abnormalities
from pipelines.sources.phantom.fields import Stream
from pipelines.sources.phantom.wordings import write_statements


def test_every_sentence_of_the_phantom_is_read_exactly() -> None:
    for number in range(300):
        stream = Stream("labeler", number)
        for statement in write_statements(draw_abnormalities(stream), stream):
            expected = tuple(finding for finding in statement.findings if finding.observation != "No Finding")
            assert label_sentence(statement.text) == expected, statement.text

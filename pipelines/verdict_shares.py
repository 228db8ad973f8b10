"""How drafted sentences are grounded, as shares: by verdict, and what is withheld."""

from collections.abc import Callable, Sequence
from functools import partial

from model.metrics import Figure, mean_figure
from model.report import GroundedReport, GroundedSentence, Verdict

Of = Callable[[GroundedSentence], bool]


def verdict_shares(reports: Sequence[GroundedReport]) -> list[Figure]:
    """Shares of the drafted sentences, the withheld ones included.

    - `grounded_share`, `weak_share`, `ungrounded_share`: of all, by verdict; they sum to 1;
    - `ungrounded_positive_share`: of those that state a finding, the ungrounded ones;
    - `withheld_share`: of those, the ones that are withheld.
    """
    return [
        *(_share(f"{verdict.value}_share", reports, partial(_reads, verdict)) for verdict in Verdict),
        _share("ungrounded_positive_share", reports, lambda s: s.flagged, lambda s: s.positive),
        _share("withheld_share", reports, lambda s: s.withheld, lambda s: s.positive),
    ]


def _reads(verdict: Verdict, sentence: GroundedSentence) -> bool:
    return sentence.verdict is verdict


def _share(name: str, reports: Sequence[GroundedReport], counted: Of, among: Of = lambda _: True) -> Figure:
    chosen = [[sentence for sentence in report.sentences if among(sentence)] for report in reports]
    return mean_figure(name, [sum(map(counted, own)) for own in chosen], [len(own) for own in chosen])

"""One pass over the manifest: a table with one row a study, its labels, and the counts of terms and tokens.

Training and validation are explored. The test split stays unseen: its studies and patients are counted, no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from model.labeler import label_report
from model.study import Section
from model.tokenizer import ReportTokenizer
from pipelines.exploration.observations import Labels, codes, gathered, known
from pipelines.exploration.terms import TermCounts
from pipelines.exploration.vocabulary import TokenCounts
from pipelines.manifest import StudyRow, study_rows
from pipelines.splits import Split

EXPLORED = (Split.TRAIN, Split.VALIDATE)
COLUMNS = ["study_id", "patient_id", "images", "sentences", "labels", "site"]


@dataclass(frozen=True, slots=True)
class Survey:
    """The explored studies.

    `studies` has, per study, `study_id`, `patient_id`, `view` of the image that is used, `site`, `findings_words`,
    `impression_words`, `report_words` and `report_tokens`, null where not known. `given` are the labels that the set
    brings, `read` those that the labeler reads off the reports. `tokens` is None where there is no tokenizer.
    """

    studies: pd.DataFrame
    given: Labels
    read: Labels
    terms: TermCounts
    tokens: TokenCounts | None

    @property
    def labels(self) -> Labels:
        """What the labeler reads; of a set without reports, what the set brings."""
        return self.read if known(self.read).any() else self.given


def explored(manifest: pa.Table) -> pa.Table:
    """The rows of the training and validation splits."""
    return manifest.filter(pc.field("split").isin([split.value for split in EXPLORED]))


def survey(rows: Iterable[StudyRow], tokenizer: ReportTokenizer | None) -> Survey:
    """Go over the studies once; of `rows`, COLUMNS are read."""
    terms, tokens = TermCounts(), None if tokenizer is None else TokenCounts(tokenizer)
    seen: set[str] = set()
    table, given, read = [], [], []
    for row in rows:
        texts = [sentence["text"] for sentence in row["sentences"]]
        words = {s: sum(len(t["text"].split()) for t in row["sentences"] if t["section"] == s) for s in Section}
        first = row["patient_id"] not in seen
        n_tokens = None
        if texts:
            seen.add(row["patient_id"])
            terms.add(texts, first_of_patient=first)
            n_tokens = tokens.add(row["sentences"], first_of_patient=first) if tokens else None
        given.append(codes(row["labels"]))
        read.append(codes(label_report("\n\n".join(texts)) if texts else None))
        table.append(
            (
                row["study_id"],
                row["patient_id"],
                row["images"][0]["view"] if row["images"] else None,
                row["site"],
                words[Section.FINDINGS] or None,
                words[Section.IMPRESSION] or None,
                sum(words.values()) or None,
                n_tokens,
            )
        )
    columns = ["study_id", "patient_id", "view", "site", "findings_words", "impression_words", "report_words"]
    studies = pd.DataFrame(table, columns=[*columns, "report_tokens"])
    lengths = {name: "float64" for name in studies.columns if name.endswith(("_words", "_tokens"))}
    return Survey(studies.astype(lengths), gathered(given), gathered(read), terms, tokens)


def count_splits(manifest: pa.Table) -> pd.DataFrame:
    """Studies, patients and studies with a report in every split, the test split included."""
    table = pd.DataFrame(
        {
            "split": manifest["split"].to_pandas(),
            "patient": manifest["patient_id"].to_pandas(),
            "reported": pc.greater(pc.list_value_length(manifest["sentences"]), 0).to_pandas(),
        }
    )
    grouped = table.groupby("split")
    counts = pd.DataFrame(
        {"studies": grouped.size(), "patients": grouped.patient.nunique(), "with_report": grouped.reported.sum()}
    )
    order = [split.value for split in reversed(Split) if split in counts.index]
    return counts.loc[order].astype(int)


def training_texts(manifest: pa.Table) -> Iterable[str]:
    """The sentences of the training split: what a tokenizer learns from."""
    rows = manifest.filter(pc.field("split") == Split.TRAIN.value).select(["sentences"])
    return (sentence["text"] for row in study_rows(rows) for sentence in row["sentences"])

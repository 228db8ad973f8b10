"""The figures of an evaluation as sums over studies, kept so that later stages can resample, part and pair them.

    evaluation/statistics.parquet    one row a study: study_id, patient_id, and a column a figure, its row of statistics

The mean of a subgroup, the difference to another model on the same studies, and its interval all follow from this file
alone. A column's metadata names the formula that turns the sum of its rows into the figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BadInput
from model.faithfulness import ratio
from model.metrics import Figure
from model.metrics.figures import Value, quotient
from model.metrics.findings import FINDINGS_VALUES
from model.metrics.text import BLEU_VALUES

FILE = "statistics.parquet"
FORMULAS: Mapping[str, Value] = {"mean": quotient, "occlusion_ratio": ratio, **BLEU_VALUES, **FINDINGS_VALUES}
_NAMED = {id(value): name for name, value in FORMULAS.items()}


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures by name over the same studies, in the order of the ids."""

    study_ids: tuple[str, ...]
    patient_ids: tuple[str, ...]
    figures: Mapping[str, Figure]

    def of(self, rows: Sequence[int]) -> "Statistics":
        """Those of some studies, in this order; one may come twice."""
        return Statistics(
            tuple(self.study_ids[row] for row in rows),
            tuple(self.patient_ids[row] for row in rows),
            {name: Figure(name, f.statistics[list(rows)], f.value) for name, f in self.figures.items()},
        )


def write_statistics(statistics: Statistics, path: Path) -> None:
    """
    Raises:
        KeyError: a figure has a formula that is not of FORMULAS.
    """
    columns = {"study_id": pa.array(statistics.study_ids, pa.string())}
    columns["patient_id"] = pa.array(statistics.patient_ids, pa.string())
    fields = [pa.field("study_id", pa.string()), pa.field("patient_id", pa.string())]
    for name, figure in statistics.figures.items():
        width = figure.statistics.shape[1]
        columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(figure.statistics.ravel()), width)
        fields.append(pa.field(name, columns[name].type, metadata={"formula": _NAMED[id(figure.value)]}))
    pq.write_table(pa.table(columns, pa.schema(fields)), path)


def read_statistics(path: Path) -> Statistics:
    """
    Raises:
        BadInput: there is no such file.
    """
    if not path.is_file():
        raise BadInput(str(path), "figures are resampled from what stage evaluate left", "run `radassist evaluate`")
    table = pq.read_table(path)
    figures = {}
    for field in table.schema:
        if field.metadata and b"formula" in field.metadata:
            flat = table.column(field.name).combine_chunks().flatten().to_numpy()
            rows = np.asarray(flat, np.float64).reshape(-1, field.type.list_size)
            figures[field.name] = Figure(field.name, rows, FORMULAS[field.metadata[b"formula"].decode()])
    ids, patients = (tuple(table.column(name).to_pylist()) for name in ("study_id", "patient_id"))
    return Statistics(ids, patients, figures)

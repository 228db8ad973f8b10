"""The champion: the model that is served now, which a new one must not fall behind.

    champion/champion.json         which it is, or that there is none; committed with the run
    champion/statistics.parquet    its figures as sums over studies, as `pipelines.statistics` has them

`radassist champion` brings both from MLflow when a run's workspace is opened, so that the gate reads files alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model.errors import BadInput
from model.metrics import Figure
from pipelines.provenance import digest
from pipelines.statistics import FILE as STATISTICS
from pipelines.statistics import Statistics, read_statistics
from pipelines.strict import read_yaml
from records.strict import Strict

FOLDER = Path("champion")
FILE = "champion.json"


class ChampionFile(Strict):
    """champion.json. `asked`: whether MLflow was; then `version` None says that there is no champion yet."""

    asked: bool
    version: str | None = None
    mlflow_run_id: str | None = None
    model_sha256: str | None = None
    statistics_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Champion:
    """What the gate knows of it.

    Attributes:
        version: in the registry; None where there is no champion, or nobody asked.
        figures: over the studies of the model at the gate, in their order; empty where `apart`.
        apart: why the two cannot be compared; None where they can, or there is no champion yet.
    """

    version: str | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    apart: str | None = None

    @property
    def is_none_yet(self) -> bool:
        return self.version is None and self.apart is None


def read_champion(folder: Path, studies: Statistics) -> Champion:
    """The champion's figures, in the order of `studies`.

    Raises:
        BadInput: champion.json is missing or has a mistake.
    """
    path = folder / FILE
    if not path.is_file():
        raise BadInput(str(path), "a model is compared with the one that is served", "run `radassist champion`")
    known = read_yaml(path, ChampionFile, str(path))
    if not known.asked:
        return Champion(apart="nobody asked MLflow which model is the champion: run `radassist champion`")
    if known.version is None:
        return Champion()
    name = f"the champion, version {known.version},"
    if known.statistics_sha256 is None:
        return Champion(known.version, apart=f"{name} left no evaluation/{STATISTICS} in MLflow")
    if digest(folder / STATISTICS) != known.statistics_sha256:
        way_out = "run `radassist champion` again"
        return Champion(known.version, apart=f"{folder / STATISTICS} is not the file that {FILE} names: {way_out}")
    statistics = read_statistics(folder / STATISTICS)
    rows = {study: row for row, study in enumerate(statistics.study_ids)}
    if rows.keys() != set(studies.study_ids):
        common = len(rows.keys() & set(studies.study_ids))
        found = f"{common} of this model's {len(studies.study_ids)} are among its {len(rows)}"
        return Champion(known.version, apart=f"{name} was evaluated on other test studies: {found}")
    return Champion(known.version, statistics.of([rows[study] for study in studies.study_ids]).figures)

"""The studies of an experiment, made once: phantom or source -> ingested -> prepared.

    var/experiments/sets/DATA/data                 the ingested set
    var/experiments/sets/DATA/prepared-SETTINGS    as stage prepare writes it

Both names are digests of what was asked for, so that experiments on the same studies share them. A change of the code
that makes them goes unseen: delete the folder then.
"""

import shutil
from pathlib import Path

from model.artefact import sha256_of
from pipelines.experiments.declared import Ingested, Phantom, hashed
from pipelines.ingest import ingest
from pipelines.params import Params
from pipelines.phantom import PhantomArguments, write_phantom
from pipelines.prepare import prepare
from pipelines.sources import open_source

DIGITS = 12


def prepared_set(data: Phantom | Ingested, params: Params, folder: Path, vocabulary: Path | None = None) -> Path:
    """Where the prepared studies lie; made where they do not yet.

    Args:
        vocabulary: the tokenizer.json that they are to be encoded with, where they do not make their own.
    """
    home = folder / hashed(data)[:DIGITS]
    words = sha256_of(vocabulary) if vocabulary else None
    prepared = home / f"prepared-{hashed(params.pixels, params.prepare, words)[:DIGITS]}"
    if not prepared.is_dir():
        draft = home / f"{prepared.name}.draft"
        prepare(ingested_set(data, home), draft, params, vocabulary=vocabulary)
        draft.rename(prepared)
    return prepared


def ingested_set(data: Phantom | Ingested, home: Path) -> Path:
    """A phantom is drawn, ingested and deleted: the set holds all of it."""
    ingested = home / "data"
    if (ingested / "manifest.parquet").is_file():
        return ingested
    if isinstance(data, Ingested):
        ingest(open_source(data.source, data.root), data.source, ingested)
        return ingested
    drawn = home / "phantom"
    write_phantom(drawn, PhantomArguments(data.studies, data.seed, data.size, data.scenario))
    ingest(open_source("mimic_cxr", drawn), "mimic_cxr", ingested)
    shutil.rmtree(drawn)
    return ingested

"""Where a model version came from. No study is drafted for by a version whose origin is not known."""

from typing import Annotated

from pydantic import AwareDatetime, Field
from sqlalchemy import Connection, select

from records import tables
from records.once import enter_once
from records.strict import Hex32, Line, Strict


class Model(Strict):
    """A version: its weights, the commit, data and `dvc.lock` that made them, and the gate's verdict on them.

    Attributes:
        model: the version's name, as predictions and rollouts have it.
        git_commit: of the run's branch when it was registered.
        gate_sha256, report_sha256: of `verdict.json`, and of the validation report.
        run: its name, ID of the branch runs/ID where it has one.
    """

    model: Line
    weights_sha256: Hex32
    git_commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    data_md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}(\.dir)?$")]
    dvc_lock_sha256: Hex32
    gate_sha256: Hex32
    report_sha256: Hex32 | None = None
    run: Line
    mlflow_run: Line
    registry_version: Line | None = None
    registered_at: AwareDatetime


def enter_model(connection: Connection, model: Model) -> bool:
    """Enter a version, in a transaction of `database.writing`; False where it is known.

    Raises:
        RecordsError: it is known with another origin.
    """
    return enter_once(connection, tables.models, model.model_dump(), f"model {model.model!r}")


def find_model(connection: Connection, model: str) -> Model | None:
    row = connection.execute(select(tables.models).where(tables.models.c.model == model)).mappings().one_or_none()
    return Model.model_validate(dict(row)) if row else None


def registered(connection: Connection) -> list[Model]:
    """All versions, the first that was registered first."""
    m = tables.models.c
    rows = connection.execute(select(tables.models).order_by(m.registered_at, m.model)).mappings()
    return [Model.model_validate(dict(row)) for row in rows]

from pathlib import Path
from typing import Any

import pytest

from pipelines.versioning import data_md5
from tests.conftest import TinyProject
from tests.dags.conftest import Read, states


def ingest(read_dag: Read, tiny: TinyProject, *roots: Path) -> Any:
    sources = [{"source": "mimic_cxr", "root": str(root)} for root in roots]
    return read_dag(tiny.root, "ingest").test(run_conf={"sources": sources})


def events() -> list[dict[str, str]]:
    """What the data set's asset events carry, the oldest first."""
    from airflow.models.asset import AssetEvent
    from airflow.settings import Session
    from sqlalchemy import select

    with Session() as session:
        return [event.extra for event in session.scalars(select(AssetEvent).order_by(AssetEvent.id))]


def test_new_studies_are_told_of_once(tiny: TinyProject, read_dag: Read, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(name)
    before = len(events())

    run = ingest(read_dag, tiny, tmp_path / "first", tmp_path / "second")

    assert states(run) == {"bring": "success", "publish": "success"}
    assert len(tiny.counted()) == 2
    [told] = events()[before:]
    assert told["md5"] == data_md5(tiny.root)
    assert told["md5"] in tiny.git("show", f"{told['commit']}:data.dvc")

    again = ingest(read_dag, tiny, tmp_path / "first")

    assert states(again) == {"bring": "success", "publish": "skipped"}
    assert len(events()) == before + 1


def test_without_a_source_nothing_happens(tiny: TinyProject, read_dag: Read) -> None:
    before = len(events())
    assert states(ingest(read_dag, tiny)) == {"bring": "skipped", "publish": "skipped"}
    assert tiny.counted() == []
    assert len(events()) == before


def test_a_root_that_is_not_there_fails_at_once(tiny: TinyProject, read_dag: Read, tmp_path: Path) -> None:
    run = ingest(read_dag, tiny, tmp_path / "nowhere")
    assert states(run) == {"bring": "failed", "publish": "upstream_failed"}
    assert len(tiny.counted()) == 1


def test_sources_come_from_the_environment(tiny: TinyProject, read_dag: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADASSIST_SOURCES", '[{"source": "folder", "root": "/srv/studies"}]')
    dag = read_dag(tiny.root, "ingest")
    assert dag.params["sources"] == [{"source": "folder", "root": "/srv/studies"}]
    assert dag.is_paused_upon_creation

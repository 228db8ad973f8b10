"""Real radiographs through the same commands: some 200 images cannot make a good model, and the gate says so."""

import json
from pathlib import Path

import pytest
from markupsafe import escape

from tests.end_to_end.conftest import ROOT, Project, copy_of_this_project

CXR512 = ROOT / ".." / "shared" / "realdata" / "cxr512"


@pytest.mark.timeout(1200)
@pytest.mark.skipif(not CXR512.is_dir(), reason="the radiographs of ../shared/realdata/cxr512 are not here")
def test_two_hundred_real_radiographs_are_refused_with_reasons(tmp_path: Path) -> None:
    project: Project = copy_of_this_project(tmp_path)
    project.set_params({"train": {"epochs": 2}})
    project.radassist("ingest", "--source", "folder", "--root", str(CXR512))
    ingested = json.loads((project.root / "metrics" / "ingest.json").read_text())
    assert ingested["n_studies"] + ingested["n_quarantined"] == 199

    project.run("dvc", "repro")
    verdict = json.loads((project.root / "verdict.json").read_text())
    assert not verdict["passed"]
    assert len([c for c in verdict["criteria"] if c["outcome"] != "PASS"]) >= 2
    page = (project.root / "report" / "index.html").read_text()
    enforced = project.radassist("gate", "--enforce", check=False)
    assert enforced.returncode == 3
    for criterion in (c for c in verdict["criteria"] if c["outcome"] != "PASS"):
        assert criterion["reason"] in enforced.stderr or criterion["name"] in verdict["needs_signature"]
        assert escape(criterion["reason"]) in page

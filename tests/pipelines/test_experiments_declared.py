"""What an experiment may declare, what a few seeds say of a figure, and the page that says it."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from model.errors import BadInput
from pipelines.experiments.declared import Experiment, merged, read_experiment, trials
from pipelines.experiments.spread import paired, spread
from pipelines.experiments.table import put, table
from pipelines.params import Params, load_presets
from pipelines.strict import checked

ROOT = Path(__file__).parents[2]
PRESETS = load_presets(ROOT / "params.yaml").presets
SHIPPED = PRESETS["demo"]
DECLARED: dict[str, Any] = {
    "question": "Does it help to be told where to look?",
    "data": {"studies": 40, "seed": 3},
    "base": {"train": {"epochs": 1}},
    "variants": {"kl": {}, "untaught": {"train": {"lambda_ground": 0.0}}},
    "reference": "kl",
    "seeds": [1, 2],
}


def planned(**changes: Any) -> list[tuple[str, Params]]:
    declared = checked({**DECLARED, **changes}, Experiment, "tiny.yaml")
    return [(t.name, t.params) for t in trials(declared, PRESETS, "tiny.yaml")]


def test_three_seeds_have_students_interval() -> None:
    found = spread([0.5, 0.6, 0.7])
    assert found.mean == pytest.approx(0.6)
    assert found.sd == pytest.approx(0.1)
    reach = 4.302653 * 0.1 / math.sqrt(3)  # t of 0.975 with 2 degrees of freedom
    assert (found.low, found.high) == pytest.approx((0.6 - reach, 0.6 + reach))


def test_one_seed_has_no_interval() -> None:
    found = spread([0.5])
    assert found.mean == 0.5
    assert all(math.isnan(value) for value in (found.sd, found.low, found.high))


def test_differences_are_paired_by_seed() -> None:
    found = paired([0.61, 0.70, 0.82], [0.51, 0.60, 0.72])
    assert found.mean == pytest.approx(0.1)
    assert found.high - found.low == pytest.approx(0, abs=1e-12)


def test_every_variant_runs_at_every_seed_with_its_own_parameters() -> None:
    runs = dict(planned())
    assert list(runs) == ["kl-1", "untaught-1", "kl-2", "untaught-2"]
    assert runs["untaught-2"].train.seed == 2
    assert runs["untaught-2"].train.lambda_ground == 0
    assert runs["kl-2"].train.lambda_ground == SHIPPED.train.lambda_ground
    assert runs["kl-2"].train.epochs == 1


def test_another_architecture_keeps_nothing_of_the_one_before() -> None:
    before = {"model": {"architecture": "grounded", "regional": "off", "decoder": {"width": 32}}}
    after = {"model": {"architecture": "baseline", "decoder": {"heads": 4}}}
    assert merged(before, after) == after


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"variants": {"kl": {"model": {"regionl": "gated"}}}}, "kl model.grounded.regionl='gated'"),
        ({"variants": {"kl": {"modell": {}}}}, "variants.kl.modell"),
        ({"base": {"train": {"epoch": 3}}}, "train.epoch=3"),
        ({"base": {"train": {"seed": 3}}}, "the seeds stand under seeds"),
        ({"preset": "dmeo"}, "preset=dmeo: the presets are demo"),
        ({"reference": "lk"}, "reference is one of the variants: kl, untaught"),
        ({"seeds": [1, 1]}, "each seed is there once"),
        ({"data": {"studies": 40, "seed": 3, "scenario": "none.yaml"}}, "no such file"),
        ({"variants": {"kl": {"after": "kl"}}}, "kl comes after a variant that stands before it, and kl does not"),
        ({"data": {"source": "mimic", "root": "/data"}}, "a source is one of"),
    ],
)
def test_what_means_nothing_is_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput) as refused:
        planned(**changes)
    assert named in str(refused.value)


def test_a_wrong_name_lists_the_experiments(tmp_path: Path) -> None:
    for name in ("tokens", "regional"):
        (tmp_path / f"{name}.yaml").write_text("")
    with pytest.raises(BadInput, match="experiment region: declared are regional, tokens"):
        read_experiment("region", tmp_path)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml")))
def test_each_declared_experiment_has_variants_that_differ(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    declared = read_experiment(name, ROOT / "experiments")
    found = list(trials(declared, PRESETS, name))
    assert len({trial.sha256 for trial in found}) == len(found)


def test_a_table_shows_the_spread_and_the_difference() -> None:
    values = {"off": [0.5, 0.6, 0.7], "on": [0.6, 0.7, 0.8]}
    rows = [{"variant": v, "seed": s, "miou": x} for v, xs in values.items() for s, x in enumerate(xs)]
    shown = table(pd.DataFrame(rows), "off")
    assert "| `miou` | 0.600 ± 0.100<br>0.352 to 0.848 | 0.700 ± 0.100<br>0.452 to 0.948 |" in shown
    assert "| `miou` | **+0.100<br>+0.100 to +0.100** |" in shown


def test_the_words_around_a_table_stay(tmp_path: Path) -> None:
    page = tmp_path / "experiments.md"
    put(page, "tokens", "How many?", "first")
    page.write_text(page.read_text().replace("How many?", "How many? See below.") + "\nFewer are worse.\n")
    put(page, "regional", "Does it help?", "other")
    put(page, "tokens", "How many?", "second")
    text = page.read_text()
    assert "first" not in text
    assert text.index("See below.") < text.index("second") < text.index("Fewer are worse.") < text.index("other")
    page.write_text(text.replace("<!-- tokens: end -->", ""))
    with pytest.raises(BadInput, match="stand both or not at all"):
        put(page, "tokens", "How many?", "third")

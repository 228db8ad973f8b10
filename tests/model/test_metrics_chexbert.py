"""CheXbert with a network of a few weights, in the layout of the published checkpoint."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from model.errors import BadInput
from model.metrics.chexbert import CONDITIONS, CheXbert, chexbert_figures

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "no", "left", "effusion", "edema"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chexbert")
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, **shape)
    weights = {f"module.bert.{name}": weight for name, weight in BertModel(config).state_dict().items()}
    for index in range(14):
        size = 2 if index == 13 else 4
        weights[f"module.linear_heads.{index}.weight"] = torch.randn(size, 8) * 4
        weights[f"module.linear_heads.{index}.bias"] = torch.zeros(size)
    config.save_pretrained(folder)
    save_file({name: weight.contiguous() for name, weight in weights.items()}, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    return folder


def test_labels_are_the_heads_own_on_the_first_token(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    bert = BertModel(BertConfig.from_pretrained(folder)).eval()
    bert.load_state_dict({n.removeprefix("module.bert."): w for n, w in weights.items() if ".bert." in n})
    with torch.inference_mode():
        first = bert(torch.tensor([[2, 5, 6, 7, 3]])).last_hidden_state[0, 0]
    expected = {}
    for index, name in enumerate(CONDITIONS):
        best = int((weights[f"module.linear_heads.{index}.weight"] @ first).argmax())
        if best:
            expected[name] = {1: 1, 2: 0, 3: -1}[best]
    assert CheXbert(folder)("No left\n  effusion") == expected
    assert len(set(expected.values())) > 1


def test_its_figures_stand_under_its_own_name(folder: Path) -> None:
    reports = ["no effusion", "left edema"]
    figures = {figure.name: figure() for figure in chexbert_figures(reports, reports, folder)}
    assert figures["chexbert_micro_f1"] == figures["chexbert_macro_f1"] == 1
    assert {"chexbert_micro_f1_5", "chexbert_example_f1", "chexbert_micro_f1_u1"} <= figures.keys()


def test_what_is_no_chexbert_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"without config\.json and model\.safetensors and vocab\.txt"):
        CheXbert(tmp_path)
    for name in ("config.json", "vocab.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    save_file({"bert.pooler.dense.bias": torch.zeros(8)}, tmp_path / "model.safetensors")
    with pytest.raises(BadInput, match="and no others"):
        CheXbert(tmp_path)

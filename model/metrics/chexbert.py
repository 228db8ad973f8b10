"""CheXbert's labels and their F1, from weights that the user has. A separate module, because it imports torch.

Smit et al. 2020 (EMNLP): BERT-base, uncased, and fourteen linear heads on its first token. The published file is a
pickle, which is not opened here: its `model_state_dict`, saved once as safetensors, is read under its own names.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch  # noqa: TID253
from safetensors.torch import load_file
from torch import nn  # noqa: TID253
from transformers import BertConfig, BertModel, BertTokenizerFast  # noqa: TID253

from model.errors import BadInput
from model.metrics.figures import Figure
from model.metrics.findings import findings_figures

CONDITIONS = (
    *("Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation"),
    *("Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices"),
    "No Finding",
)
"""In the order of the heads; the last one has two classes, blank and positive, the others all of CLASSES."""
CLASSES = (None, 1, 0, -1)
"""Blank, positive, negative, uncertain."""
FILES = ("config.json", "model.safetensors", "vocab.txt")
LONGEST = 512
"""Tokens of a report that are read."""


class CheXbert:
    """
    Args:
        folder: bert-base-uncased's `config.json` and `vocab.txt`, and `model.safetensors` with the names of the
            published checkpoint, with or without `module.` before them.

    Raises:
        BadInput: a file is missing, or the weights are not CheXbert's.
    """

    def __init__(self, folder: Path) -> None:
        if absent := [name for name in FILES if not (folder / name).is_file()]:
            raise BadInput(
                f"{folder} without {' and '.join(absent)}",
                "CheXbert needs its weights as safetensors, and BERT's configuration and vocabulary beside them",
                "see docs/labeler.md for how to save the published checkpoint so",
            )
        config = BertConfig.from_pretrained(folder, local_files_only=True)
        self._tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=LONGEST)
        self._network = _Network(config)
        weights = {name.removeprefix("module."): w for name, w in load_file(folder / "model.safetensors").items()}
        weights.pop("bert.embeddings.position_ids", None)  # older releases of transformers saved it
        try:
            self._network.load_state_dict(weights)
        except RuntimeError as error:
            raise BadInput(
                f"{folder / 'model.safetensors'}",
                "it holds the weights of CheXbert's published checkpoint, and no others",
                "save its model_state_dict anew",
            ) from error
        self._network.eval()

    @torch.inference_mode()
    def __call__(self, report: str) -> dict[str, int]:
        """The labels of a report: 1 positive, 0 negative, -1 uncertain; what is blank is absent."""
        encoded = self._tokenizer(" ".join(report.split()), return_tensors="pt", truncation=True)
        found = [CLASSES[int(logits.argmax())] for logits in self._network(encoded["input_ids"])]
        return {name: label for name, label in zip(CONDITIONS, found, strict=True) if label is not None}


class _Network(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert = BertModel(config)
        sizes = [len(CLASSES)] * (len(CONDITIONS) - 1) + [2]
        self.linear_heads = nn.ModuleList(nn.Linear(config.hidden_size, size) for size in sizes)

    def forward(self, ids: torch.Tensor) -> list[torch.Tensor]:
        first = self.bert(ids).last_hidden_state[:, 0]
        return [head(first)[0] for head in self.linear_heads]


def chexbert_figures(references: Sequence[str], candidates: Sequence[str], folder: Path) -> list[Figure]:
    """The figures of `findings_figures` by CheXbert's labels, as `chexbert_micro_f1`, `chexbert_macro_f1_5` and so on.

    Raises:
        BadInput: `folder` does not hold CheXbert.
    """
    label = CheXbert(folder)
    labels = ([label(report) for report in side] for side in (references, candidates))
    return [replace(f, name=f.name.replace("findings_", "chexbert_")) for f in findings_figures(*labels)]

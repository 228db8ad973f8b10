"""BERTScore from an encoder that the user has on disk. A separate module, because it imports torch.

It rewards likeness of words: a report and its denial score alike, so nothing is gated on it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch  # noqa: TID253
from transformers import AutoModel, AutoTokenizer  # noqa: TID253

from model.errors import BadInput
from model.metrics.figures import Figure, mean_figure


@torch.inference_mode()
def bert_score(references: Sequence[str], candidates: Sequence[str], encoder: Path, layer: int) -> Figure:
    """`bert_score_f1.ENCODER.LAYER`: the mean over studies of BERTScore's F1 (Zhang et al. 2020, ICLR).

    Each token of the one text takes its best cosine similarity among the tokens of the other, special tokens left out;
    no idf weights, no rescaling by a baseline. An empty draft scores 0. Figures of two encoders or layers are never
    comparable: the name says which it is.

    Args:
        references, candidates: a text of each for every study.
        encoder: a folder with `config.json`, `model.safetensors` and a tokenizer, as transformers saves them. Nothing
            is downloaded.
        layer: which hidden state is compared, from 1; the published choice is 9 for bert-base, 17 for roberta-large.

    Raises:
        BadInput: `encoder` is no such folder, or has no such layer.
    """
    absent = [name for name in ("config.json", "model.safetensors") if not (encoder / name).is_file()]
    if absent:
        raise BadInput(
            f"{encoder} without {' and '.join(absent)}",
            "BERTScore needs an encoder and its tokenizer on disk, as safetensors",
            "save one there with transformers' save_pretrained, or leave BERTScore out",
        )
    tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
    model = AutoModel.from_pretrained(encoder, local_files_only=True, use_safetensors=True).eval()
    deepest = model.config.num_hidden_layers
    if not 1 <= layer <= deepest:
        raise BadInput(f"layer {layer}", f"{encoder.name} has the layers 1 to {deepest}", "name one of them")

    def vectors(text: str) -> torch.Tensor:
        """Unit vectors of the text's own tokens, (tokens, width)."""
        encoded = tokenizer(text, return_tensors="pt", return_special_tokens_mask=True, truncation=True)
        own = encoded.pop("special_tokens_mask")[0] == 0
        states = model(**encoded, output_hidden_states=True).hidden_states[layer][0]
        return torch.nn.functional.normalize(states[own].float(), dim=-1)

    scores = [
        _f1(vectors(reference), vectors(candidate)) for reference, candidate in zip(references, candidates, strict=True)
    ]
    return mean_figure(f"bert_score_f1.{encoder.name}.{layer}", np.array(scores))


def _f1(reference: torch.Tensor, candidate: torch.Tensor) -> float:
    if not len(reference) or not len(candidate):
        return 0.0
    alike = candidate @ reference.T
    precision, recall = float(alike.amax(dim=1).mean()), float(alike.amax(dim=0).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

"""BERTScore with an encoder of a few weights, held against the formula written out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from model.errors import BadInput
from model.metrics.bert_score import bert_score

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "no", "left", "effusion", "edema"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoders") / "tiny"
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **shape)).save_pretrained(folder)
    special = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), WORDS, strict=False))
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, special["unk_token"]))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=16, **special).save_pretrained(folder)
    return folder


def test_it_is_the_published_formula(encoder: Path) -> None:
    model = BertModel.from_pretrained(encoder).eval()

    def unit(*ids: int) -> np.ndarray:
        with torch.inference_mode():
            states = model(torch.tensor([[2, *ids, 3]]), output_hidden_states=True).hidden_states[1][0, 1:-1].numpy()
        return states / np.linalg.norm(states, axis=1, keepdims=True)

    alike = unit(6, 7) @ unit(4, 5, 6).T
    precision, recall = alike.max(axis=1).mean(), alike.max(axis=0).mean()
    found = bert_score(["no left effusion"], ["effusion edema"], encoder, layer=1)
    assert found() == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-5)


def test_the_same_text_scores_one_and_an_empty_draft_nothing(encoder: Path) -> None:
    found = bert_score(["no effusion", "left edema"], ["no effusion", ""], encoder, layer=2)
    assert found.name == "bert_score_f1.tiny.2"
    assert found.of_each() == pytest.approx([1, 0], abs=1e-5)


def test_without_an_encoder_it_is_refused(tmp_path: Path, encoder: Path) -> None:
    with pytest.raises(BadInput, match=r"without config\.json and model\.safetensors"):
        bert_score(["a"], ["a"], tmp_path, layer=1)
    with pytest.raises(BadInput, match="layers 1 to 2"):
        bert_score(["a"], ["a"], encoder, layer=3)

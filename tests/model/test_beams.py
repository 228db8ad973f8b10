"""Beam search against transformers' own, over models that are tables of random logits."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from model.engine.beams import BeamRules, BeamSearch, log_softmax
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID

WORDS, MOST = 12, 9


class Table(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """Logits (MOST, WORDS, WORDS): of the next word, by position and the word before."""

    config_class = PreTrainedConfig
    main_input_name = "input_ids"

    def __init__(self, logits: Tensor) -> None:
        super().__init__(
            PreTrainedConfig(
                vocab_size=WORDS,
                num_hidden_layers=1,
                pad_token_id=PAD_ID,
                bos_token_id=BOS_ID,
                eos_token_id=EOS_ID,
            )
        )
        self.logits = nn.Parameter(logits)

    def forward(self, input_ids: Tensor, **_: Any) -> CausalLMOutput:
        return CausalLMOutput(logits=self.logits[torch.arange(input_ids.shape[1]), input_ids])


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    ends=st.floats(-3, 4),
    beams=st.integers(2, 5),
    length_penalty=st.sampled_from([0.0, 0.6, 1.0, 1.1, 2.0]),
    early_stopping=st.booleans(),
)
def test_the_same_report_as_transformers(
    seed: int, ends: float, beams: int, length_penalty: float, early_stopping: bool
) -> None:
    table = np.random.default_rng(seed).normal(0, 2, (MOST, WORDS, WORDS)).astype(np.float32)
    table[..., EOS_ID] += ends
    rules = BeamRules(beams, length_penalty, early_stopping)
    search = BeamSearch(rules, MOST)
    while not search.done:
        search.advance(log_softmax(table[search.running.shape[1] - 1, search.running[:, -1]]))
    (wanted,) = Table(torch.from_numpy(table)).generate(
        torch.tensor([[BOS_ID]]),
        num_beams=beams,
        length_penalty=length_penalty,
        early_stopping=early_stopping,
        max_length=MOST,
        do_sample=False,
        use_cache=False,
    )
    np.testing.assert_array_equal(search.best, wanted.numpy())


def test_two_beams_find_the_likelier_report_that_greedy_misses() -> None:
    """After 4, 5 or 6; 4 is likelier, but what follows 5 is certain: 0.6 x 0.5 against 0.4 x 1."""
    table = np.full((3, 8, 8), -30, np.float32)
    table[0, BOS_ID, [4, 5]] = np.log([0.6, 0.4])
    table[1, 4, [6, 7]] = np.log([0.5, 0.5])
    table[1, 5, 6] = 0
    table[2, :, EOS_ID] = 0
    search = BeamSearch(BeamRules(2, length_penalty=0.0), 4)
    while not search.done:
        search.advance(log_softmax(table[search.running.shape[1] - 1, search.running[:, -1]]))
    assert search.best.tolist() == [BOS_ID, 5, 6, EOS_ID]
    assert search.finished[0][0] == pytest.approx(np.log(0.4))

"""BART and GPT-2 behind the interface of our own decoder, against transformers' own way of calling them."""

from collections.abc import Callable

import pytest
import torch

from model.bart_decoder import BartDecoder
from model.cached_decoder import CachedDecoder
from model.gpt2_decoder import Gpt2Decoder

SIZES = {"vocab_size": 40, "max_tokens": 24, "width": 32, "heads": 4, "layers": 2, "dropout": 0.1}

DECODERS: dict[str, Callable[[], CachedDecoder]] = {
    "bart": lambda: BartDecoder(**SIZES, tied=True),  # type: ignore[arg-type]
    "gpt2": lambda: Gpt2Decoder(**SIZES),  # type: ignore[arg-type]
}


@pytest.fixture(params=DECODERS)
def decoder(request: pytest.FixtureRequest) -> CachedDecoder:
    torch.manual_seed(0)
    return DECODERS[request.param]().eval()


def test_word_by_word_is_as_all_at_once(decoder: CachedDecoder) -> None:
    memory, ids = torch.randn(2, 9, 32), torch.randint(4, 40, (2, 7))
    cross = decoder.keys_values(memory)
    key = value = decoder.empty_cache(2, cross[0])
    whole = decoder(ids, *cross, key, value)
    for at in range(7):
        step = decoder(ids[:, at : at + 1], *cross, key, value)
        key, value = step.key, step.value
        torch.testing.assert_close(step.logits[:, 0], whole.logits[:, at])
        torch.testing.assert_close(step.looked.attention[:, :, 0], whole.looked.attention[:, :, at])


def test_a_memory_in_the_cache_is_as_one_that_transformers_reads_itself(decoder: CachedDecoder) -> None:
    memory, ids = torch.randn(2, 9, 32), torch.randint(4, 40, (2, 7))
    cross = decoder.keys_values(memory)
    cache = decoder.empty_cache(2, cross[0])
    with_null = torch.cat([memory, decoder.null.expand(2, -1, -1)], dim=1)
    hidden = decoder.body(input_ids=ids, encoder_hidden_states=with_null, use_cache=False).last_hidden_state
    wanted = hidden @ decoder.body.get_input_embeddings().weight.T
    torch.testing.assert_close(decoder(ids, *cross, cache, cache).logits, wanted)


def test_attention_is_whole_in_training_though_words_drop_out(decoder: CachedDecoder) -> None:
    cross = decoder.train().keys_values(torch.randn(2, 9, 32))
    cache = decoder.empty_cache(2, cross[0])
    looked = decoder(torch.randint(4, 40, (2, 7)), *cross, cache, cache).looked
    torch.testing.assert_close(looked.attention.sum(-1), torch.ones(2, 4, 7))

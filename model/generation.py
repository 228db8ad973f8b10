"""Greedy and beam search through transformers' `generate`, for every configuration.

The search picks the words; then one teacher-forced pass gives the maps, as for any report whose words are known.
"""

from typing import Any

import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253
from transformers import EncoderDecoderCache, GenerationMixin, PreTrainedConfig, PreTrainedModel  # noqa: TID253
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput  # noqa: TID253

from model.decoder import Layers
from model.reporter import Drafted, Reporter, shown
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID


class _Searched(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """A reporter's decoder as transformers' search sees it: a memory and words in, logits and a cache out."""

    config_class = PreTrainedConfig
    main_input_name = "pixel_values"

    def __init__(self, reporter: Reporter) -> None:
        decoder = reporter.decoder
        super().__init__(
            PreTrainedConfig(
                is_encoder_decoder=True,
                vocab_size=reporter.config["vocab_size"],
                num_hidden_layers=decoder.depth,
                pad_token_id=PAD_ID,
                bos_token_id=BOS_ID,
                eos_token_id=EOS_ID,
            )
        )
        self.reporter = reporter

    def forward(
        self,
        decoder_input_ids: Tensor,
        encoder_outputs: BaseModelOutput,
        past_key_values: EncoderDecoderCache,
        **_: Any,
    ) -> Seq2SeqLMOutput:
        """Words (B x beams, T) after those in the cache."""
        decoder = self.reporter.decoder
        written, seen = past_key_values.self_attention_cache, past_key_values.cross_attention_cache
        if seen.get_seq_length() == 0:
            cross_key, cross_value = decoder.keys_values(encoder_outputs.last_hidden_state)
            key = value = decoder.empty_cache(len(decoder_input_ids), cross_value)
            for layer in range(decoder.depth):
                seen.update(cross_key[layer], cross_value[layer], layer)
        else:
            cross_key, cross_value = by_layer(seen)
            key, value = by_layer(written)
        decoded = decoder(decoder_input_ids, cross_key, cross_value, key, value)
        past = key[0].shape[2]
        for layer in range(decoder.depth):
            written.update(decoded.key[layer][:, :, past:], decoded.value[layer][:, :, past:], layer)
        return Seq2SeqLMOutput(logits=decoded.logits, past_key_values=past_key_values)


def by_layer(cache: Any) -> tuple[Layers, Layers]:
    """Keys and values of a cache, each (B, heads, P, d)."""
    return [layer.keys for layer in cache.layers], [layer.values for layer in cache.layers]


@torch.inference_mode()
def generate(
    reporter: Reporter,
    image: Tensor,
    prompt: Tensor | None = None,
    *,
    beams: int,
    length_penalty: float = 1.0,
    early_stopping: bool = True,
) -> Drafted:
    """Reports for images (B, 1, size, size), the best of `beams` each; one beam is greedy.

    Args:
        prompt: (B, prompt_tokens), what is known of each study; None: nothing.
        length_penalty: a finished beam's log-probability is divided by its length to this power.
        early_stopping: end once `beams` reports are finished, without hoping for a better one.
    """
    memory = reporter.read(image)[0]
    begin = reporter.prompted(prompt, torch.full((len(image), 1), BOS_ID, device=image.device))
    search = {"length_penalty": length_penalty, "early_stopping": early_stopping} if beams > 1 else {}
    ids = (
        _Searched(reporter)
        .eval()
        .generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=memory),
            decoder_input_ids=begin,
            decoder_start_token_id=begin[:, 0].tolist(),  # else BOS would be put before the prompt
            num_beams=beams,
            do_sample=False,
            max_length=reporter.positions,
            **search,
        )
    )
    return shown(reporter, memory, ids[:, reporter.prompt_tokens :], prompt)

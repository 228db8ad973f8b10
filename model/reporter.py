"""The reporter: an image encoder and a text decoder that shows what each word looks at."""

from dataclasses import dataclass
from typing import Any

import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253

from model.decoder import Decoded, Layers, Looked, TextDecoder
from model.encoder import ImageEncoder
from model.errors import BadInput
from model.losses import ENTROPY_TERMS, GROUNDING_LOSSES, cross_entropy, finding_focal
from model.pooling import AdaptivePooling, GridTokens
from model.prompt import NOTHING_ID
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID


@dataclass(frozen=True, slots=True)
class Reported:
    """What one forward pass gives.

    Attributes:
        logits: (B, T, V); row t predicts token t + 1.
        attention: (B, heads, T, N) of the supervised layer; rows sum to 1 - `null`.
        null: (B, heads, T), the mass on the null token.
        losses: scalars `ce`; `ground` and `entropy` where grounding masks were given; `findings` where the findings'
            masks were.
    """

    logits: Tensor
    attention: Tensor
    null: Tensor
    losses: dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Drafted:
    """Greedy drafts.

    Attributes:
        ids: (B, T), start and end included, padded on the right.
        attention: (B, T - 1, N + 1), head-mean, null token last; row t is what the decoder looked at to write token
            t + 1.
        log_probability: (B, T) of token t given the ones before it; 0 for start and padding.
    """

    ids: Tensor
    attention: Tensor
    log_probability: Tensor


class Reporter(nn.Module):
    """A report generator; `model.configurations.build_reporter` makes one of each architecture.

    All share this: an image becomes a memory, a decoder with a null token reads the prompt and writes after it from the
    memory, and where each word looked is shown, scored and taught on the patch grid. The prompt is read, not written:
    no loss falls on it, and no map is shown of it. A configuration adds its parts and says how it reads an image.

    Args:
        config: as in an artefact's config.json: `size` (px), `vocab_size`, `max_tokens`, `prompt_tokens` (none: 0) and
            the model section of params.yaml, of which `grounding_loss` and `entropy` are read here.

    Attributes:
        encoder: looks. decoder: writes. pooling: the tokens that the decoder reads the N positions as.
        max_tokens: longest report. prompt_tokens: slots of a prompt, see `model.prompt`.
    """

    encoder: ImageEncoder
    decoder: TextDecoder
    pooling: GridTokens | AdaptivePooling

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.config = config
        self.max_tokens: int = config["max_tokens"]
        self.prompt_tokens: int = config.get("prompt_tokens", 0)
        self.grounding_loss = GROUNDING_LOSSES[config["grounding_loss"]]
        self.entropy_term = ENTROPY_TERMS[config["entropy"]]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the patch grid; N is their product."""
        return self.encoder.grid

    @property
    def positions(self) -> int:
        """Tokens that the decoder reads and writes at most."""
        return self.prompt_tokens + self.max_tokens

    def read(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the decoder reads of an image, and which finding is thought to lie where.

        Args:
            image: (B, 1, size, size), [0, 1].

        Returns:
            memory (B, tokens, width); logits (B, N, 14) of the observations by patch, None where nothing asks for them.
        """
        raise NotImplementedError

    def prompted(self, prompt: Tensor | None, ids: Tensor) -> Tensor:
        """The prompts (B, prompt_tokens) before ids (B, T); None where nothing is known.

        Raises:
            BadInput: prompts of another length.
        """
        if prompt is None:
            prompt = ids.new_full((len(ids), self.prompt_tokens), NOTHING_ID)
        if prompt.shape[1] != self.prompt_tokens:
            raise BadInput(
                f"prompts of {prompt.shape[1]} tokens",
                f"this model reads prompts of {self.prompt_tokens}",
                "make them with model.prompt.prompt_ids",
            )
        return torch.cat([prompt, ids], dim=1)

    def step(self, ids: Tensor, cross_key: Layers, cross_value: Layers, key: Layers, value: Layers) -> Decoded:
        """The decoder's, with where the words looked on the patch grid."""
        decoded = self.decoder(ids, cross_key, cross_value, key, value)
        attention, scores = decoded.looked
        looked = Looked(self.pooling.spread(attention), self.pooling.lift(scores))
        return Decoded(decoded.logits, looked, decoded.key, decoded.value)

    def forced(self, memory: Tensor, text_ids: Tensor, prompt: Tensor | None) -> tuple[Tensor, Looked]:
        """Logits (B, T, V) and where each word looked, of texts (B, T) that are known, all words at once."""
        cross_key, cross_value = self.decoder.keys_values(memory)
        cache = self.decoder.empty_cache(len(memory), cross_key)
        logits, looked, _, _ = self.step(self.prompted(prompt, text_ids), cross_key, cross_value, cache, cache)
        written = slice(self.prompt_tokens, None)
        return logits[:, written], Looked(*(part[:, :, written] for part in looked))

    def forward(
        self,
        image: Tensor,
        text_ids: Tensor,
        grounding_masks: Tensor | None = None,
        finding_masks: Tensor | None = None,
        prompt: Tensor | None = None,
    ) -> Reported:
        """Teacher-forced pass.

        Args:
            image: (B, 1, size, size), [0, 1].
            text_ids: (B, T), start and end included, padded with PAD_ID on the right.
            grounding_masks: (B, T, N + 1): per row the share on each patch of the region of the token that the row
                writes, the next one; the last column is the null token; rows sum to 1, or to 0 where nobody annotated
                that token.
            finding_masks: (B, N, 14): per patch and observation 1, 0, or NaN where nobody said.
            prompt: (B, prompt_tokens), what is known of each study; None: nothing.
        """
        memory, lies = self.read(image)
        logits, looked = self.forced(memory, text_ids, prompt)
        attention = looked.attention
        losses = {"ce": cross_entropy(logits, text_ids)}
        if grounding_masks is not None:
            losses["ground"] = self.grounding_loss(looked, grounding_masks)
            losses["entropy"] = self.entropy_term(attention, grounding_masks, text_ids)
        if finding_masks is not None and lies is not None:
            losses["findings"] = finding_focal(lies, finding_masks)
        return Reported(logits, attention[..., :-1], attention[..., -1], losses)

    @torch.inference_mode()
    def draft(self, image: Tensor, prompt: Tensor | None = None) -> Drafted:
        """Greedy reports for images (B, 1, size, size) and prompts (B, prompt_tokens); None: nothing is known."""
        cross_key, cross_value = self.decoder.keys_values(self.read(image)[0])
        key = value = self.decoder.empty_cache(image.shape[0], cross_key)
        begin = torch.full((image.shape[0], 1), BOS_ID, dtype=torch.long, device=image.device)
        ids, rows, scores = [begin], [], [torch.zeros(image.shape[0], 1, device=image.device)]
        last = self.prompted(prompt, begin)
        ended = torch.zeros(image.shape[0], 1, dtype=torch.bool, device=image.device)
        for _ in range(self.max_tokens - 1):
            logits, looked, key, value = self.step(last, cross_key, cross_value, key, value)
            rows.append(looked.attention[:, :, -1:].mean(1))
            best, last = logits[:, -1:].float().log_softmax(-1).max(-1)
            last, best = last.masked_fill(ended, PAD_ID), best.masked_fill(ended, 0.0)
            ended = ended | (last == EOS_ID)
            ids.append(last)
            scores.append(best)
            if bool(ended.all()):
                break
        return Drafted(torch.cat(ids, 1), torch.cat(rows, 1), torch.cat(scores, 1))


@torch.inference_mode()
def forced(reporter: Reporter, image: Tensor, ids: Tensor, prompt: Tensor | None = None) -> Drafted:
    """Maps and log-probabilities of reports (B, T) whose words are known, after prompts (B, prompt_tokens)."""
    return shown(reporter, reporter.read(image)[0], ids, prompt)


def shown(reporter: Reporter, memory: Tensor, ids: Tensor, prompt: Tensor | None) -> Drafted:
    """The same of images that were read already: at 2048 px, reading is most of the work."""
    logits, looked = reporter.forced(memory, ids, prompt)
    likely = logits.float().log_softmax(-1)[:, :-1].gather(2, ids[:, 1:, None])[..., 0]
    likely = likely.masked_fill(ids[:, 1:] == PAD_ID, 0.0)
    return Drafted(ids, looked.attention.mean(1)[:, :-1], torch.cat([torch.zeros_like(likely[:, :1]), likely], dim=1))

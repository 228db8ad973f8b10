"""Pretrained weights by name, through timm and transformers, from safetensors alone.

A name's files lie below `weights/` or are fetched: see `model.published`. What differs in size is fitted where that has
a meaning: three colours are summed to one grey, windows are interpolated, a position table is cut. Token embeddings
belong to a vocabulary and are loaded alone, by `load_embeddings`.
"""

from pathlib import Path

import timm  # noqa: TID253
import torch  # noqa: TID253
from safetensors import safe_open
from torch import Tensor, nn  # noqa: TID253
from transformers import BartModel, GPT2Model  # noqa: TID253

from model.bart_decoder import BartDecoder
from model.cached_decoder import CachedDecoder
from model.encoder import ImageEncoder
from model.errors import BadInput
from model.gpt2_decoder import Gpt2Decoder
from model.published import fetch
from model.reporter import Reporter
from model.timm_encoder import TimmEncoder, TimmMemory
from model.wordpiece import published_rows


def load_pretrained(reporter: Reporter, names: dict[str, str], weights: Path) -> None:
    """Start a reporter's parts from published weights.

    Args:
        names: of `encoder` (timm), `decoder` (BART or GPT-2) and `embeddings` (BERT); what is not named stays as it is.
        weights: folder of what was downloaded.

    Raises:
        BadInput: weights that are not to be had, or do not fit.
    """
    if "encoder" in names:
        load_encoder(timm_part(reporter.encoder), names["encoder"], weights)
    if "decoder" in names:
        load_decoder(cached_part(reporter), names["decoder"], weights)
    if "embeddings" in names:
        load_embeddings(cached_part(reporter), names["embeddings"], weights)


def load_encoder(encoder: TimmEncoder, name: str, weights: Path) -> None:
    """ImageNet weights into a Swin or ViT; `name` with its tag, `swin_base_patch4_window7_224.ms_in22k_ft_in1k`."""
    published = timm.get_pretrained_cfg(name)
    if published is None or not published.hf_hub_id:
        raise BadInput(f"weights {name}", "timm publishes none of this name", "choose one of timm.list_pretrained()")
    folder = fetch(published.hf_hub_id, ["model.safetensors"], weights)
    overlay = {"file": str(folder / "model.safetensors")}
    try:
        filled = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, **encoder.made_with)
        encoder.body.load_state_dict(filled.state_dict())
    except RuntimeError as error:
        raise misfit(name, " ".join(str(error).split())) from error


def load_decoder(decoder: CachedDecoder, name: str, weights: Path) -> None:
    """BART's or GPT-2's layers and positions. Cross-attention that GPT-2 never had, and the null token, stay fresh."""
    folder = fetch(name, ["config.json", "model.safetensors"], weights)
    if isinstance(decoder, BartDecoder):
        stack = BartModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32).decoder
        fill(decoder.body, stack.state_dict(), name, fresh=("embed_tokens",), cut="embed_positions.weight")
    elif isinstance(decoder, Gpt2Decoder):
        stack = GPT2Model.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
        fresh = ("wte", "crossattention", "ln_cross_attn")
        fill(decoder.body, stack.state_dict(), name, fresh=fresh, cut="wpe.weight")


def load_embeddings(decoder: CachedDecoder, name: str, weights: Path) -> None:
    """A BERT's token embeddings, rows in the order of `published_rows`."""
    folder = fetch(name, ["vocab.txt", "model.safetensors"], weights)
    rows = published_rows((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    with safe_open(folder / "model.safetensors", "pt") as file:
        key = next((key for key in file.keys() if key.endswith("word_embeddings.weight")), None)  # noqa: SIM118
        if key is None:
            raise misfit(name, "no word_embeddings.weight among its tensors")
        published = file.get_tensor(key)[rows]
    embedding = decoder.body.get_input_embeddings().weight
    if published.shape != embedding.shape:
        raise misfit(name, f"embeddings {tuple(published.shape)}, not {tuple(embedding.shape)}")
    with torch.no_grad():
        embedding.copy_(published)


def fill(body: nn.Module, published: dict[str, Tensor], name: str, *, fresh: tuple[str, ...], cut: str) -> None:
    """Copy published tensors into a stack, except the parts named `fresh`; of the table `cut`, its first rows."""
    for key, mine in body.state_dict().items():
        if any(part in key for part in fresh):
            continue
        theirs = published[key][: len(mine)] if key == cut else published.get(key)
        if theirs is None or theirs.shape != mine.shape:
            found = None if theirs is None else tuple(theirs.shape)
            raise misfit(name, f"{key} is {found}, not {tuple(mine.shape)}")
        mine.copy_(theirs)


def timm_part(encoder: ImageEncoder) -> TimmEncoder:
    part = encoder.encoder if isinstance(encoder, TimmMemory) else encoder
    if not isinstance(part, TimmEncoder):
        raise BadInput("pretrained.encoder", "only timm's encoders have published weights", "give encoder.name")
    return part


def cached_part(reporter: Reporter) -> CachedDecoder:
    if not isinstance(reporter.decoder, CachedDecoder):
        raise BadInput("pretrained.decoder", "only BART and GPT-2 have published weights", "leave it out")
    return reporter.decoder


def misfit(name: str, what: str) -> BadInput:
    return BadInput(
        f"weights {name}", f"they do not fit: {what}", "give the model the published sizes, or other weights"
    )

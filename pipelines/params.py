"""`params.yaml`, typed."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from model.errors import BadInput
from pipelines.strict import Strict, read_yaml


class Pixels(Strict):
    size: int = Field(ge=32, le=4096, multiple_of=32)
    clahe_clip_limit: float = Field(ge=0)
    clahe_tiles: int = Field(ge=1, le=64)


class Prepare(Strict):
    vocab_size: int = Field(ge=300)
    max_tokens: int = Field(ge=8)


class Train(Strict):
    seed: int
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    optimizer: Literal["adamw", "muon"]
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup_fraction: float = Field(ge=0, lt=1)
    clip_norm: float = Field(gt=0)
    lambda_ground: float = Field(ge=0)
    lambda_entropy: float = Field(ge=0)
    patience: int = Field(ge=1)
    accumulation: int = Field(ge=1)
    gradient_checkpointing: bool
    freeze: dict[str, Annotated[int, Field(ge=1)]]


class StemSwin(Strict):
    """`model.encoder.SwinEncoder`."""

    stem_channels: tuple[int, ...] = Field(min_length=1)
    stem_blocks: tuple[int, ...]
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    window_size: int = Field(ge=1)


class Timm(Strict):
    """`model.timm_encoder.TimmEncoder`; a ViT has no window."""

    name: str
    window_size: int | None = Field(default=None, ge=1)


class Decoder(Strict):
    width: int = Field(ge=1)
    heads: int = Field(ge=1)
    layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)


class BartDecoder(Decoder):
    tied: bool


class Reporter(Strict):
    """What every architecture has; `pretrained` names the published weights that its parts start from."""

    grounding_loss: Literal["none", "bce", "kl", "dice", "sigmoid_bce"]
    entropy: Literal["literal", "unsupervised"]
    pretrained: dict[Literal["encoder", "decoder", "embeddings"], str] = Field(default_factory=dict)


Regional = Literal["off", "single", "multi_head", "gated"]
Tokens = Literal["grid"] | Annotated[int, Field(ge=1)]


class Grounded(Reporter):
    architecture: Literal["grounded"]
    regional: Regional
    regional_use: Literal["weights", "prior"]
    tokens: Tokens
    encoder: StemSwin | Timm
    decoder: Decoder


class SwinBart(Reporter):
    architecture: Literal["swin_bart"]
    regional: Regional
    tokens: Tokens
    encoder: Timm
    decoder: BartDecoder


class Baseline(Reporter):
    architecture: Literal["baseline"]
    encoder: Timm
    decoder: Decoder


class Params(Strict):
    pixels: Pixels
    prepare: Prepare
    train: Train
    model: Annotated[Grounded | SwinBart | Baseline, Field(discriminator="architecture")]


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check the parameters.

    Raises:
        BadInput: the file is missing, or a key is unknown, missing or out of range.
    """
    if not path.is_file():
        raise BadInput(f"{path.absolute()}", "the parameters stand in params.yaml", "run from the project's root")
    return read_yaml(path, Params, str(path))

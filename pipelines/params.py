"""`params.yaml`, typed: the presets, and which of them the stages read."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from model.errors import BadInput
from pipelines.strict import read_yaml
from records.strict import Strict


class Pixels(Strict):
    size: int = Field(ge=32, le=4096, multiple_of=32)
    clahe_clip_limit: float = Field(ge=0)
    clahe_tiles: int = Field(ge=1, le=64)


class LearnedBpe(Strict):
    """`model.tokenizer.ReportTokenizer.train`."""

    bpe: int = Field(ge=300)


class PublishedWordPiece(Strict):
    """`model.tokenizer.ReportTokenizer.published`; a BERT by name, as under `pretrained`."""

    wordpiece: str


class Prepare(Strict):
    tokenizer: LearnedBpe | PublishedWordPiece
    max_tokens: int = Field(ge=8)
    prompt_tokens: int = Field(default=0, ge=0)


class Augment(Strict):
    """How far, at most and either way, a training study is seen otherwise; see `pipelines.augmentation`."""

    turn: float = Field(ge=0, le=45)
    shift: float = Field(ge=0, lt=0.5)
    zoom: float = Field(ge=0, le=1)
    exposure: float = Field(ge=0, le=1)


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
    processes: int = Field(ge=1)
    accumulation: int = Field(ge=1)
    gradient_checkpointing: bool
    augment: Augment | None = None
    freeze: dict[str, Annotated[int, Field(ge=1)]]


class StemSwin(Strict):
    """`model.encoder.SwinEncoder`."""

    stem_channels: tuple[int, ...] = Field(min_length=1)
    stem_blocks: tuple[int, ...]
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    window_size: int = Field(ge=1)

    @model_validator(mode="after")
    def agree(self) -> Self:
        for counts, of in (("stem_blocks", "stem_channels"), ("num_heads", "depths")):
            if len(getattr(self, counts)) != len(getattr(self, of)):
                raise ValueError(f"{counts} has one number for each of {of}")
        return self


class Timm(Strict):
    """`model.timm_encoder.TimmEncoder`; a ViT has no window."""

    name: str
    window_size: int | None = Field(default=None, ge=1)


def maker(encoder: Any) -> Literal["stem", "timm"]:
    """Who makes an encoder: an unknown key is then an error of the right one."""
    return "timm" if isinstance(encoder, Timm) or (isinstance(encoder, dict) and "name" in encoder) else "stem"


class Decoder(Strict):
    width: int = Field(ge=1)
    heads: int = Field(ge=1)
    layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)


class BartDecoder(Decoder):
    tied: bool


class Draft(Strict):
    """Of `model.generation.generate`."""

    beams: int = Field(ge=1)
    length_penalty: float


class Reporter(Strict):
    """What every architecture has; `pretrained` names the published weights that its parts start from."""

    draft: Draft
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
    encoder: Annotated[Annotated[StemSwin, Tag("stem")] | Annotated[Timm, Tag("timm")], Discriminator(maker)]
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
    """One preset: all that the stages read."""

    pixels: Pixels
    prepare: Prepare
    train: Train
    model: Annotated[Grounded | SwinBart | Baseline, Field(discriminator="architecture")]

    @model_validator(mode="after")
    def embeddings_are_the_tokenizer_s(self) -> Self:
        tokenizer, name = self.prepare.tokenizer, self.model.pretrained.get("embeddings")
        if name is not None and not (isinstance(tokenizer, PublishedWordPiece) and tokenizer.wordpiece == name):
            raise ValueError(f"model.pretrained.embeddings need prepare.tokenizer {{wordpiece: {name}}}")
        return self


class Presets(Strict):
    """The whole file. A preset that is not chosen must be right, too."""

    preset: str
    presets: dict[str, Params]

    @property
    def chosen(self) -> Params:
        return self.presets[self.preset]


def load_presets(path: Path = Path("params.yaml")) -> Presets:
    """Read and check the parameters.

    Raises:
        BadInput: the file is missing; a key is unknown, missing or out of range; no preset of the chosen name.
    """
    if not path.is_file():
        raise BadInput(f"{path.absolute()}", "the parameters stand in params.yaml", "run from the project's root")
    read = read_yaml(path, Presets, str(path))
    if read.preset not in read.presets:
        raise BadInput(f"{path} preset={read.preset}", f"the presets are {', '.join(read.presets)}", "choose one")
    return read


def load_params(path: Path = Path("params.yaml")) -> Params:
    """The chosen preset, see `load_presets`."""
    return load_presets(path).chosen

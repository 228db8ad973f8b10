"""The reporter as two ONNX graphs, so that a study's image is read once and each word costs one small step.

encoder.onnx       image (B, 1, size, size) -> cross_key_L, cross_value_L (B, heads, N + 1, d)
decoder_step.onnx  ids (B, T), cross_key_L, cross_value_L, past_key_L, past_value_L (B, heads, P, d)
                   -> logits (B, T, V), attention (B, T, N + 1), key_L, value_L (B, heads, P + T, d)

NAME_L stands for NAME_0, NAME_1, ..., a tensor a layer: all of the keys, then all of the values.
"""

from pathlib import Path

import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253

from model.reporter import Reporter

OPSET = 18


class EncoderGraph(nn.Module):
    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self.reporter = reporter

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        keys, values = self.reporter.decoder.keys_values(self.reporter.read(image)[0])
        return (*keys, *values)


class StepGraph(nn.Module):
    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self.reporter = reporter

    def forward(self, ids: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        """`caches`: the cross keys of every layer, its cross values, its past keys, its past values."""
        layers = self.reporter.decoder.depth
        cross_key, cross_value, past_key, past_value = (
            caches[kind * layers : (kind + 1) * layers] for kind in range(4)
        )
        logits, looked, key, value = self.reporter.step(ids, cross_key, cross_value, past_key, past_value)
        return (logits, looked.attention.mean(1), *key, *value)


def example_inputs(reporter: Reporter, *, batch: int, past: int, new: int) -> tuple[tuple[Tensor, ...], ...]:
    """What the two graphs read: random images (batch, 1, size, size); `new` words of them after `past` others."""
    decoder = reporter.decoder
    image = torch.rand(batch, 1, reporter.config["size"], reporter.config["size"])
    with torch.no_grad():
        cross = EncoderGraph(reporter).eval()(image)
    cache = torch.rand(2 * decoder.depth, batch, decoder.heads, past, decoder.head_width)
    ids = torch.ones(batch, new, dtype=torch.long)
    return (image,), (ids, *cross, *cache)


def names(layers: int, *kinds: str) -> list[str]:
    """Of a tensor a layer, for each kind in turn.

    >>> names(2, "key", "value")
    ['key_0', 'key_1', 'value_0', 'value_1']
    """
    return [f"{kind}_{layer}" for kind in kinds for layer in range(layers)]


def export_graphs(reporter: Reporter, folder: Path) -> None:
    """Write encoder.onnx and decoder_step.onnx, batch and lengths dynamic."""
    reporter.eval()
    image, step = example_inputs(reporter, batch=2, past=3, new=2)
    layers = reporter.decoder.depth
    cross = names(layers, "cross_key", "cross_value")
    b, t, p = (torch.export.Dim(name) for name in ("batch", "tokens", "past"))
    torch.onnx.export(
        EncoderGraph(reporter).eval(),
        image,
        folder / "encoder.onnx",
        input_names=["image"],
        output_names=cross,
        dynamic_shapes=({0: b},),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    torch.onnx.export(
        StepGraph(reporter).eval(),
        step,
        folder / "decoder_step.onnx",
        input_names=["ids", *cross, *names(layers, "past_key", "past_value")],
        output_names=["logits", "attention", *names(layers, "key", "value")],
        dynamic_shapes=({0: b, 1: t}, ({0: b},) * 2 * layers + ({0: b, 2: p},) * 2 * layers),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )

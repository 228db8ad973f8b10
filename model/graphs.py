"""The reporter as two ONNX graphs, so that a study's image is read once and each word costs one small step.

encoder.onnx       image (B, 1, size, size) -> cross_key, cross_value (L, B, heads, N + 1, d)
decoder_step.onnx  ids (B, T), cross_key, cross_value, past_key, past_value (L, B, heads, P, d)
                   -> logits (B, T, V), attention (B, T, N + 1), key, value (L, B, heads, P + T, d)
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

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.reporter.decoder.keys_values(self.reporter.read(image)[0])


class StepGraph(nn.Module):
    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self.reporter = reporter

    def forward(
        self, ids: Tensor, cross_key: Tensor, cross_value: Tensor, past_key: Tensor, past_value: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        logits, looked, key, value = self.reporter.step(ids, cross_key, cross_value, past_key, past_value)
        return logits, looked.attention.mean(1), key, value


def example_inputs(reporter: Reporter, *, batch: int, past: int, new: int) -> tuple[tuple[Tensor, ...], ...]:
    """What the two graphs read: random images (batch, 1, size, size); `new` words of them after `past` others."""
    decoder = reporter.decoder
    image = torch.rand(batch, 1, reporter.config["size"], reporter.config["size"])
    with torch.no_grad():
        cross_key, cross_value = EncoderGraph(reporter).eval()(image)
    key, value = torch.rand(2, decoder.depth, batch, decoder.heads, past, decoder.head_width)
    ids = torch.ones(batch, new, dtype=torch.long)
    return (image,), (ids, cross_key, cross_value, key, value)


def export_graphs(reporter: Reporter, folder: Path) -> None:
    """Write encoder.onnx and decoder_step.onnx, batch and lengths dynamic."""
    reporter.eval()
    image, step = example_inputs(reporter, batch=2, past=3, new=2)
    b, t, p = (torch.export.Dim(name) for name in ("batch", "tokens", "past"))
    torch.onnx.export(
        EncoderGraph(reporter).eval(),
        image,
        folder / "encoder.onnx",
        input_names=["image"],
        output_names=["cross_key", "cross_value"],
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
        input_names=["ids", "cross_key", "cross_value", "past_key", "past_value"],
        output_names=["logits", "attention", "key", "value"],
        dynamic_shapes=({0: b, 1: t}, {1: b}, {1: b}, {1: b, 3: p}, {1: b, 3: p}),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )

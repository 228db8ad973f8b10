"""A model repository for NVIDIA's Triton inference server: the encoder and the decoder step, batched as they arrive.

    encoder/config.pbtxt  encoder/1/model.onnx  decoder_step/config.pbtxt  decoder_step/1/model.onnx

The graphs are the engine's own. The loop over the words stays with the client, which begins with a cache of length 0.

See https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

import onnx
from onnx import TensorProto, ValueInfoProto

from model.artefact import GRAPHS, Artefact
from model.microbatch import MOST, WAIT

WAITS = {"encoder": WAIT, "decoder_step": 0.0}
"""Seconds that a study waits for others to be read with. A word waits for none: what has arrived by then is batched."""
TYPES: dict[int, str] = {
    TensorProto.FLOAT: "TYPE_FP32",
    TensorProto.FLOAT16: "TYPE_FP16",
    TensorProto.INT64: "TYPE_INT64",
}


def write_repository(artefact: Artefact, variant: str, out: Path) -> None:
    """Write the graphs of one variant into the folder `out`, as Triton loads them."""
    for name, graph in zip(GRAPHS, artefact.graphs(variant), strict=True):
        (out / name / "1").mkdir(parents=True)
        shutil.copyfile(graph, out / name / "1" / "model.onnx")
        (out / name / "config.pbtxt").write_text(configuration(name, onnx.load(graph)))


def configuration(name: str, model: onnx.ModelProto) -> str:
    """The text of config.pbtxt; the shapes are without the batch, -1 where they vary."""
    return "\n".join(
        [
            f'name: "{name}"',
            'backend: "onnxruntime"',
            f"max_batch_size: {MOST}",
            *tensors("input", model.graph.input),
            *tensors("output", model.graph.output),
            f"dynamic_batching {{ max_queue_delay_microseconds: {WAITS[name] * 1e6:.0f} }}",
            "",
        ]
    )


def tensors(kind: str, ends: Iterable[ValueInfoProto]) -> Iterable[str]:
    for end in ends:
        tensor = end.type.tensor_type
        dims = ", ".join(str(axis.dim_value if axis.HasField("dim_value") else -1) for axis in tensor.shape.dim[1:])
        yield f'{kind} {{ name: "{end.name}" data_type: {TYPES[tensor.elem_type]} dims: [ {dims} ] }}'

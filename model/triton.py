"""A model repository for NVIDIA's Triton inference server: the encoder and the decoder step, batched as they arrive.

    encoder/config.pbtxt  encoder/1/model.onnx  decoder_step/config.pbtxt  decoder_step/1/model.onnx

Triton batches along the first axis. In the graphs' caches that is the layer, (L, B, heads, ...); here they are
(B, L, heads, ...), and all else is as in `model.graphs`. The loop over the words stays with the client, which begins
with a cache of length 0.

See https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""

from collections.abc import Iterable
from pathlib import Path

import onnx
from onnx import TensorProto, ValueInfoProto, helper

from model.artefact import GRAPHS, Artefact

MOST_AT_ONCE = 4
WAIT_MICROSECONDS = {"encoder": 20_000, "decoder_step": 0}
"""How long a study waits for others to be read with. A word waits for none: what has arrived by then is batched."""
CACHE_RANK = 5
LAYERS_AND_BATCH_SWAPPED = [1, 0, 2, 3, 4]
TYPES: dict[int, str] = {
    TensorProto.FLOAT: "TYPE_FP32",
    TensorProto.FLOAT16: "TYPE_FP16",
    TensorProto.INT64: "TYPE_INT64",
}


def write_repository(artefact: Artefact, variant: str, out: Path) -> None:
    """Write the graphs of one variant into the folder `out`, as Triton loads them."""
    for name, graph in zip(GRAPHS, artefact.graphs(variant), strict=True):
        model = batch_first(onnx.load(graph))
        (out / name / "1").mkdir(parents=True)
        onnx.save(model, out / name / "1" / "model.onnx")
        (out / name / "config.pbtxt").write_text(configuration(name, model))


def batch_first(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with the batch as the first axis of every cache that it reads or gives."""
    graph = model.graph
    within = {end.name: f"{end.name}_by_layer" for end in (*graph.input, *graph.output) if rank(end) == CACHE_RANK}
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [within.get(name, name) for name in names]
    read = [swapped(end.name, within[end.name]) for end in graph.input if end.name in within]
    given = [swapped(within[end.name], end.name) for end in graph.output if end.name in within]
    nodes = [*read, *graph.node, *given]
    del graph.node[:]
    graph.node.extend(nodes)
    for end in (*graph.input, *graph.output):
        if end.name in within:
            axes = end.type.tensor_type.shape.dim
            ordered = [
                onnx.TensorShapeProto.Dimension.FromString(axes[a].SerializeToString())
                for a in LAYERS_AND_BATCH_SWAPPED
            ]
            del axes[:]
            axes.extend(ordered)
    return model


def swapped(source: str, target: str) -> onnx.NodeProto:
    return helper.make_node("Transpose", [source], [target], f"batch_first_{target}", perm=LAYERS_AND_BATCH_SWAPPED)


def rank(end: ValueInfoProto) -> int:
    return len(end.type.tensor_type.shape.dim)


def configuration(name: str, model: onnx.ModelProto) -> str:
    """The text of config.pbtxt; the shapes are without the batch, -1 where they vary."""
    return "\n".join(
        [
            f'name: "{name}"',
            'backend: "onnxruntime"',
            f"max_batch_size: {MOST_AT_ONCE}",
            *tensors("input", model.graph.input),
            *tensors("output", model.graph.output),
            f"dynamic_batching {{ max_queue_delay_microseconds: {WAIT_MICROSECONDS[name]} }}",
            "",
        ]
    )


def tensors(kind: str, ends: Iterable[ValueInfoProto]) -> Iterable[str]:
    for end in ends:
        tensor = end.type.tensor_type
        dims = ", ".join(str(axis.dim_value if axis.HasField("dim_value") else -1) for axis in tensor.shape.dim[1:])
        yield f'{kind} {{ name: "{end.name}" data_type: {TYPES[tensor.elem_type]} dims: [ {dims} ] }}'

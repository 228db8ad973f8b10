"""The exported graphs in fewer bits: half precision for a graphics card, 8 bits for a processor.

- `fp16`: every weight, every step and the caches of keys and values; the image, the logits and the attention stay
  float32.
- `int8`: the weights of matrix products in blocks of 8-bit numbers with a scale each, the products in 8 bits, all else
  in float32. What a block of activations is rounded to depends on that block alone. With one scale for a whole tensor
  (`quantize_dynamic`) a study's words would change with the studies beside it in the batch, and with the cache: see
  docs/export.md.
"""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from model.artefact import GRAPHS, graph_file

FLOAT32_ENDS = ("image", "logits", "attention")
"""Inputs and outputs that are float32 in every variant."""
BLOCK = 64
"""Weights that share a scale."""
PRODUCTS_IN_INT8 = 4
"""Of MatMulNBits: the activations are rounded to 8 bits too, block by block."""


def export_variants(folder: Path) -> None:
    """Write the fp16 and int8 graphs beside the fp32 ones in `folder`."""
    for graph in GRAPHS:
        source = folder / graph_file(graph, "fp32")
        onnx.save(in_half_precision(source), folder / graph_file(graph, "fp16"))
        onnx.save(in_8_bits(source), folder / graph_file(graph, "int8"))


def in_half_precision(graph: Path) -> onnx.ModelProto:
    model: onnx.ModelProto = convert_float_to_float16(onnx.load(graph), keep_io_types=list(FLOAT32_ENDS))
    return model


def in_8_bits(graph: Path) -> onnx.ModelProto:
    """Every product with weights. Constants are folded first: the head is the transposed embedding, and counts as a
    weight only as one tensor."""
    logging.basicConfig()  # before the quantizer's module does, which asks every library for its least remark
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(
        as_products(folded(graph)), bits=8, block_size=BLOCK, is_symmetric=True, accuracy_level=PRODUCTS_IN_INT8
    )
    quantizer.process()
    model: onnx.ModelProto = quantizer.model.model
    return model


def folded(graph: Path) -> onnx.ModelProto:
    """The graph with its constants folded, as ONNX Runtime does on every machine before it runs one."""
    with TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / graph.name)
        ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def as_products(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with every linear layer that is one `Gemm` node as a product and a sum: products alone are rounded."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if not is_linear(node) or node.input[1] not in weights:
            nodes.append(node)
            continue
        left, weight, *bias = node.input
        product = f"{node.output[0]}_product" if bias else node.output[0]
        if attributes(node).get("transB"):
            turned = numpy_helper.to_array(weights[weight]).T
            weight = f"{product}_weight"
            graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(turned), weight))
        nodes.append(helper.make_node("MatMul", [left, weight], [product], f"{node.name}_product"))
        if bias:
            nodes.append(helper.make_node("Add", [product, *bias], list(node.output), f"{node.name}_sum"))
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def is_linear(node: onnx.NodeProto) -> bool:
    """Whether a node is x W or x W + b, W turned or not."""
    scales = {"alpha": 1.0, "beta": 1.0, "transA": 0} | attributes(node)
    return node.op_type == "Gemm" and (scales["alpha"], scales["beta"]) == (1, 1) and not scales["transA"]


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}

"""The same model in fewer bits, as TorchScript and in Triton's repository, against the model it came from."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from onnx import helper, numpy_helper

from model.artefact import GRAPHS, VARIANTS, Artefact, open_artefact
from model.engine import Engine
from model.errors import BadInput
from model.graphs import EncoderGraph, StepGraph
from model.reporter import Reporter
from model.tokenizer import ReportTokenizer
from model.torchscript import export_traces
from model.triton import write_repository
from model.variants import as_products
from tests.exported import PROMPTS


@pytest.fixture
def reporter(trained: tuple[Reporter, ReportTokenizer]) -> Reporter:
    return trained[0]


@pytest.fixture
def artefact(exported: Path) -> Artefact:
    return open_artefact(exported)


@pytest.mark.parametrize(("variant", "tolerance"), [("fp16", 0.005), ("int8", 0.05)])
def test_fewer_bits_look_at_the_same_places(
    artefact: Artefact, images: np.ndarray, variant: str, tolerance: float
) -> None:
    wanted, given = (Engine(artefact, variant=v).draft(images, PROMPTS) for v in ("fp32", variant))
    for exact, rounded in zip(wanted, given, strict=True):
        np.testing.assert_allclose(rounded.attention[0], exact.attention[0], atol=tolerance)
        np.testing.assert_allclose(rounded.attention.sum(-1), 1, atol=2e-3)


def test_fewer_bits_take_less_room(artefact: Artefact) -> None:
    def initializers(name: str) -> list[onnx.TensorProto]:
        return list(onnx.load(artefact.folder / name).graph.initializer)

    half, whole = initializers("decoder_step.fp16.onnx"), initializers("decoder_step.onnx")
    assert sum(len(t.raw_data) for t in half) < 0.6 * sum(len(t.raw_data) for t in whole)
    in_8_bits = onnx.load(artefact.folder / "decoder_step.int8.onnx").graph
    weights = {tensor.name for tensor in in_8_bits.initializer}
    products = [node for node in in_8_bits.node if node.op_type in ("MatMul", "Gemm")]
    assert any(node.op_type == "MatMulNBits" for node in in_8_bits.node)
    assert not weights.intersection(name for node in products for name in node.input), "left in float32"


@pytest.mark.parametrize("turned", [0, 1])
def test_a_linear_layer_in_one_node_is_the_same_in_two(turned: int) -> None:
    random = np.random.default_rng(0)
    weight, bias = random.random((6, 4), np.float32), random.random(4, np.float32)
    constants = [
        numpy_helper.from_array(weight.T.copy() if turned else weight, "w"),
        numpy_helper.from_array(bias, "b"),
    ]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", k]) for name, k in (("x", 6), ("y", 4))]
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], "layer", transB=turned)
    graph = helper.make_graph([node], "layers", ends[:1], ends[1:], constants)
    model = as_products(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10))
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Add"]
    run = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = random.random((3, 6), np.float32)
    np.testing.assert_allclose(run.run(None, {"x": x})[0], x @ weight + bias, rtol=1e-5)


def test_a_study_in_8_bits_is_read_alike_alone_and_beside_others(artefact: Artefact, images: np.ndarray) -> None:
    engine = Engine(artefact, variant="int8")
    beside = engine.draft(images, PROMPTS)
    for index in range(len(images)):
        alone = engine.draft(images[index : index + 1], PROMPTS[index : index + 1])[0]
        np.testing.assert_array_equal(alone.ids, beside[index].ids[: len(alone.ids)])
        np.testing.assert_allclose(alone.attention, beside[index].attention[: len(alone.attention)], atol=1e-4)


def test_a_variant_that_was_not_exported_is_refused(artefact: Artefact) -> None:
    assert artefact.variants == VARIANTS
    with pytest.raises(BadInput, match=r"variant int4 of .*: the model's are fp32, fp16, int8"):
        Engine(artefact, variant="int4")


def test_the_traces_say_what_the_model_says(reporter: Reporter, tmp_path: Path) -> None:
    assert export_traces(reporter, tmp_path) < 1e-4
    encoder, step = (torch.jit.load(tmp_path / name) for name in ("encoder.pt", "decoder_step.pt"))
    size, vocabulary = reporter.config["size"], reporter.config["vocab_size"]
    image, ids = torch.rand(3, 1, size, size), torch.randint(4, vocabulary, (3, 5))
    decoder = reporter.decoder
    with torch.no_grad():
        cross = EncoderGraph(reporter)(image)
        for past in (0, 4):
            cache = torch.rand(2 * decoder.depth, 3, decoder.heads, past, decoder.head_width)
            wanted = StepGraph(reporter)(ids, *cross, *cache)
            for one, other in zip(wanted, step(ids, *encoder(image), *cache), strict=True):
                torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)


def test_a_trace_that_says_something_else_is_not_written(
    reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.torchscript.apart", lambda *_: 0.5)
    assert export_traces(reporter, tmp_path) == 0.5
    assert list(tmp_path.iterdir()) == []


def model_config() -> Any:
    """The part of Triton's `ModelConfig` message (protobuf/model_config.proto) that a repository here may use."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="model_config.proto", package="inference", syntax="proto3")
    kinds = file.enum_type.add(name="DataType")
    for number, name in enumerate(("TYPE_INVALID", "TYPE_INT64", "TYPE_FP16", "TYPE_FP32")):
        kinds.value.add(name=name, number=number)
    messages: dict[str, list[tuple[str, int, bool, str]]] = {
        "ModelTensor": [
            ("name", field.TYPE_STRING, False, ""),
            ("data_type", field.TYPE_ENUM, False, ".inference.DataType"),
            ("dims", field.TYPE_INT64, True, ""),
        ],
        "ModelDynamicBatching": [
            ("preferred_batch_size", field.TYPE_INT32, True, ""),
            ("max_queue_delay_microseconds", field.TYPE_UINT64, False, ""),
        ],
        "ModelConfig": [
            ("name", field.TYPE_STRING, False, ""),
            ("backend", field.TYPE_STRING, False, ""),
            ("max_batch_size", field.TYPE_INT32, False, ""),
            ("input", field.TYPE_MESSAGE, True, ".inference.ModelTensor"),
            ("output", field.TYPE_MESSAGE, True, ".inference.ModelTensor"),
            ("dynamic_batching", field.TYPE_MESSAGE, False, ".inference.ModelDynamicBatching"),
        ],
    }
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for number, (label, kind, repeated, of) in enumerate(fields, 1):
            made = message.field.add(name=label, number=number, type=kind)
            made.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if of:
                made.type_name = of
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("inference.ModelConfig"))


@pytest.mark.parametrize("variant", ["fp32", "fp16"])
def test_triton_is_told_what_the_graphs_read_and_give(artefact: Artefact, tmp_path: Path, variant: str) -> None:
    write_repository(artefact, variant, tmp_path)
    types = {"tensor(float)": "TYPE_FP32", "tensor(float16)": "TYPE_FP16", "tensor(int64)": "TYPE_INT64"}
    for name, wait in (("encoder", 20_000), ("decoder_step", 0)):
        told = text_format.Parse((tmp_path / name / "config.pbtxt").read_text(), model_config()())
        assert (told.name, told.backend, told.max_batch_size) == (name, "onnxruntime", 4)
        assert told.HasField("dynamic_batching")
        assert told.dynamic_batching.max_queue_delay_microseconds == wait
        graph = ort.InferenceSession(tmp_path / name / "1" / "model.onnx", providers=["CPUExecutionProvider"])
        kind = type(told).DESCRIPTOR.file.enum_types_by_name["DataType"]
        for said, ends in ((told.input, graph.get_inputs()), (told.output, graph.get_outputs())):
            assert [tensor.name for tensor in said] == [end.name for end in ends]
            for tensor, end in zip(said, ends, strict=True):
                assert kind.values_by_number[tensor.data_type].name == types[end.type]
                assert isinstance(end.shape[0], str), "the batch is the first axis, and varies"
                assert list(tensor.dims) == [-1 if isinstance(axis, str) else axis for axis in end.shape[1:]]


def test_triton_s_graphs_are_the_engine_s(artefact: Artefact, tmp_path: Path) -> None:
    write_repository(artefact, "fp32", tmp_path)
    for name, graph in zip(GRAPHS, artefact.graphs("fp32"), strict=True):
        assert (tmp_path / name / "1" / "model.onnx").read_bytes() == graph.read_bytes()

"""The exported graphs against the model they came from."""

import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from model.engine import Engine, Limits, Provider, TooBig, TooLong, TooSlow, session
from model.engine.beams import BeamRules
from model.engine.limits import Clock
from model.engine.provider import threads_for
from model.errors import BadInput
from model.generation import generate
from model.prompt import prompt_batch
from model.reporter import Reporter
from model.tokenizer import BOS_ID, ReportTokenizer
from tests.exported import PROMPTS


def test_same_words_and_same_maps_as_torch(
    trained: tuple[Reporter, ReportTokenizer], exported: Path, images: np.ndarray
) -> None:
    reporter, tokenizer = trained
    told = torch.from_numpy(prompt_batch(tokenizer, PROMPTS, 6))
    wanted = reporter.draft(torch.from_numpy(images)[:, None].float() / 255, told)
    given = Engine(exported).draft(images, PROMPTS)
    for ids, attention, scores, draft in zip(wanted.ids, wanted.attention, wanted.log_probability, given, strict=True):
        np.testing.assert_array_equal(ids.numpy(), draft.ids)
        np.testing.assert_allclose(attention.numpy(), draft.attention, atol=1e-5)
        np.testing.assert_allclose(scores.numpy(), draft.log_probability, atol=1e-3)


def test_alone_as_in_a_batch(exported: Path, images: np.ndarray) -> None:
    engine = Engine(exported)
    batch = engine.draft(images, PROMPTS)
    for index in range(len(images)):
        alone = engine.draft(images[index : index + 1], PROMPTS[index : index + 1])[0]
        np.testing.assert_array_equal(alone.ids, batch[index].ids[: len(alone.ids)])


def test_the_step_graph_with_a_cache_equals_the_whole_text_at_once(exported: Path, images: np.ndarray) -> None:
    engine = Engine(exported)
    draft = engine.draft(images[:1], PROMPTS[:1])[0]
    again = engine.reread(images[0], PROMPTS[0], draft.ids)
    assert draft.ids[0] == BOS_ID
    np.testing.assert_allclose(again.attention, draft.attention, atol=1e-5)
    np.testing.assert_allclose(again.log_probability, draft.log_probability, atol=1e-3)


def test_a_study_without_its_prompt_is_refused(exported: Path, images: np.ndarray) -> None:
    with pytest.raises(BadInput, match="4 prompts for 5 images: this model reads a prompt of 6 tokens"):
        Engine(exported).draft(images, PROMPTS[:4])


@pytest.mark.parametrize("rules", [BeamRules(4, 1.1), BeamRules(3, 0.0, early_stopping=False)])
def test_the_same_beams_as_transformers_with_the_same_maps(
    trained: tuple[Reporter, ReportTokenizer], exported: Path, images: np.ndarray, rules: BeamRules
) -> None:
    reporter, tokenizer = trained
    told = torch.from_numpy(prompt_batch(tokenizer, PROMPTS, 6))
    wanted = generate(reporter, torch.from_numpy(images)[:, None].float() / 255, told, **asdict(rules))
    engine = Engine(exported)
    engine.rules = rules
    for ids, attention, scores, draft in zip(
        wanted.ids, wanted.attention, wanted.log_probability, engine.draft(images, PROMPTS), strict=True
    ):
        np.testing.assert_array_equal(ids.numpy(), draft.ids)
        np.testing.assert_allclose(attention.numpy(), draft.attention, atol=1e-5)
        np.testing.assert_allclose(scores.numpy(), draft.log_probability, atol=1e-3)


def test_a_draft_past_a_limit_is_refused_and_the_next_one_is_not(exported: Path, images: np.ndarray) -> None:
    engine = Engine(exported)
    whole = engine.draft(images[:1], PROMPTS[:1])[0].ids
    assert 4 < len(whole) <= engine.max_tokens
    for limits, refusal, says in (
        (Limits(tokens=4), TooLong, "not ended after 4 tokens"),
        (Limits(tokens=1), TooLong, "2 tokens at least: 1 may be written"),
        (Limits(tokens=0), TooLong, "2 tokens at least: 0 may be written"),
        (Limits(seconds=0), TooSlow, "no draft after 0 s"),
        (Limits(mebibytes=1e-3), TooBig, "may be held"),
    ):
        engine.limits = limits
        with pytest.raises(refusal, match=says):
            engine.draft(images[:1], PROMPTS[:1])
    engine.limits = Limits()
    np.testing.assert_array_equal(engine.draft(images[:1], PROMPTS[:1])[0].ids, whole)


def test_a_graph_is_stopped_in_its_midst() -> None:
    nodes = [onnx.helper.make_node("MatMul", [f"x{n}", "w"], [f"x{n + 1}"]) for n in range(200)]
    square = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [512, 512]) for name in ("x0", "x200")]
    weight = onnx.numpy_helper.from_array(np.eye(512, dtype=np.float32), "w")
    graph = onnx.helper.make_graph(nodes, "long", square[:1], square[1:], [weight])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    opened = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    binding = opened.io_binding()
    binding.bind_cpu_input("x0", np.eye(512, dtype=np.float32))
    binding.bind_output("x200")
    took = []
    for seconds in (600.0, 0.001):
        began = time.perf_counter()
        with pytest.raises(TooSlow) if seconds < 1 else nullcontext(), Clock(seconds) as clock:
            clock.run(opened, binding)
        took.append(time.perf_counter() - began)
    assert took[1] < took[0] / 2


def test_no_memory_left_is_a_limit_wherever_it_shows() -> None:
    with pytest.raises(TooBig, match="no memory left"), Clock(60):
        ort.OrtValue.ortvalue_from_shape_and_type([2**46], np.float32, "cpu")
    for said in ("Failed to allocate memory for requested buffer of size 4", "CUDA failure 2: out of memory ; GPU=0"):
        with pytest.raises(TooBig, match="no memory left"), Clock(60):
            raise RuntimeError(said)
    with pytest.raises(RuntimeError, match="another fault"), Clock(60):
        raise RuntimeError("another fault")


def test_what_is_over_at_once_runs_on_one_thread_and_a_large_image_on_all(tmp_path: Path) -> None:
    small, large = tmp_path / "small.onnx", tmp_path / "large.onnx"
    for graph, mebibytes in ((small, 17), (large, 33)):
        with graph.open("wb") as file:
            file.truncate(mebibytes << 20)
    assert [threads_for(small, 8), threads_for(small, 8, 128), threads_for(small, 8, 512)] == [1, 1, 8]
    assert [threads_for(large, 8), threads_for(large, 8, 128)] == [8, 8]


def test_a_provider_that_is_not_there_is_an_error_and_not_a_slow_day(exported: Path) -> None:
    with pytest.raises(BadInput, match="provider NopeExecutionProvider"):
        session(exported / "encoder.onnx", [("NopeExecutionProvider", {})], 1)


@pytest.mark.parametrize("provider", [Provider.CUDA, Provider.TENSORRT])
def test_a_graphics_card_is_used_or_refused(
    exported: Path, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    try:
        engine = Engine(exported, provider)
    except BadInput:
        engine = None
    assert engine is None or engine._encoder.get_providers()[0] == provider.chain()[0][0]

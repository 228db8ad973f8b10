"""The reporter as two TorchScript traces, for those who run torch: the same wrappers as the ONNX graphs, in float32.

    encoder.pt  decoder_step.pt

They stay outside the model artefact: a TorchScript archive keeps its attributes in a pickle.
"""

import warnings
from pathlib import Path

import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253

from model.graphs import EncoderGraph, StepGraph, example_inputs
from model.reporter import Reporter

TOLERANCE = 1e-3
"""Largest difference of any output from the model's."""


def export_traces(reporter: Reporter, folder: Path) -> float:
    """Write encoder.pt and decoder_step.pt, batch and lengths dynamic; a trace that says something else is not written.

    Returns:
        The largest difference of any output from the model's, on a batch and lengths that were not traced.
    """
    worst = 0.0
    traced, asked = example_inputs(reporter, batch=2, past=3, new=2), example_inputs(reporter, batch=3, past=0, new=5)
    graphs = {"encoder": EncoderGraph(reporter), "decoder_step": StepGraph(reporter)}
    for (name, graph), seen, other in zip(graphs.items(), traced, asked, strict=True):
        script = trace(graph.eval(), seen)
        difference = apart(script, graph, other)
        if difference <= TOLERANCE:
            script.save(folder / f"{name}.pt")
        worst = max(worst, difference)
    return worst


def trace(graph: nn.Module, inputs: tuple[Tensor, ...]) -> torch.jit.ScriptModule:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of shapes that are the same for every study, and are constants in a trace
        script: torch.jit.ScriptModule = torch.jit.trace(graph, inputs, check_trace=False)  # type: ignore[no-untyped-call]
    return script


def apart(script: nn.Module, graph: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """The largest difference of any output."""
    with torch.no_grad():
        return max(float((a - b).abs().max()) for a, b in zip(script(*inputs), graph(*inputs), strict=True))

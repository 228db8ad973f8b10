"""Stage parity: the exported graphs write the same words and look at the same places as the trained model."""

import argparse
from pathlib import Path

import numpy as np

from model.artefact import open_artefact
from pipelines.evaluation_set import PreparedEvaluation
from pipelines.metrics import Figures, write_metrics
from pipelines.models import drafter, load_reporter, model_inputs
from pipelines.progress import track

BATCH = 16
MOST_STUDIES = 256
MAP_TOLERANCE = 1e-4
"""Largest difference of any attention weight in float32."""


def parity(prepared: Path, trained: Path, exported: Path) -> Figures:
    """Draft the same test studies with torch, as the model was evaluated, and with the engine, which drafts greedily.

    Returns:
        `tokens_equal_share` of studies whose tokens are all equal, `map_max_difference` over the studies where they
        are, `alone_equal_share`: the engine's draft of a study alone against its draft in a batch; `passed` 1 or 0.
    """
    import torch

    from model.engine import Engine

    torch.set_grad_enabled(False)
    reporter = load_reporter(open_artefact(trained))
    as_trained, engine = drafter(reporter), Engine(exported)
    studies = PreparedEvaluation(prepared, "test")
    count = min(len(studies), MOST_STUDIES)
    equal, alone, worst = [], [], 0.0
    for first in track(range(0, count, BATCH), "parity"):
        batch = [studies[index] for index in range(first, min(first + BATCH, count))]
        wanted = as_trained(*model_inputs(reporter, engine.tokenizer, batch))
        images, prompts = np.stack([study.model_input.image for study in batch]), [study.prompt for study in batch]
        given = engine.draft(images, prompts)
        single = engine.draft(images[:1], prompts[:1])[0]
        alone.append(np.array_equal(single.ids, given[0].ids[: len(single.ids)]))
        for ids, attention, tokens in zip(wanted.ids.numpy(), wanted.attention.numpy(), given, strict=True):
            equal.append(np.array_equal(ids, tokens.ids))
            if equal[-1]:
                worst = max(worst, float(np.abs(attention - tokens.attention).max()))
    passed = bool(equal) and all(equal) and all(alone) and worst <= MAP_TOLERANCE
    return {
        "n_studies": len(equal),
        "tokens_equal_share": float(np.mean(equal)) if equal else None,
        "alone_equal_share": float(np.mean(alone)) if alone else None,
        "map_max_difference": worst,
        "passed": int(passed),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prepared", type=Path, default=Path("prepared"), help="what prepare wrote")
    parser.add_argument("--model", type=Path, default=Path("trained"), help="the trained model (default: trained)")
    parser.add_argument("--exported", type=Path, default=Path("exported"), help="its graphs (default: exported)")


def main(args: argparse.Namespace) -> int:
    figures = parity(args.prepared, args.model, args.exported)
    write_metrics("parity", figures)
    print(f"parity {'holds' if figures['passed'] else 'FAILS'}: {figures}")
    return 0

"""Stage parity: the exported graphs write the same words and look at the same places as the trained model."""

import argparse
from pathlib import Path

import numpy as np

from model.artefact import open_artefact
from model.prompt import prompt_batch
from pipelines.metrics import Figures, write_metrics
from pipelines.models import drafter, load_reporter
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
    from pipelines.prepared import PreparedSet, images_to_tensor

    torch.set_grad_enabled(False)
    reporter = load_reporter(open_artefact(trained))
    as_trained, engine = drafter(reporter), Engine(exported)
    studies = PreparedSet(prepared, "test", reporter.grid)
    count = min(len(studies), MOST_STUDIES)
    equal, alone, worst = [], [], 0.0
    for first in track(range(0, count, BATCH), "parity"):
        batch = range(first, min(first + BATCH, count))
        images, prompts = np.stack([studies.image(i) for i in batch]), [studies.studies.row(i)["prompt"] for i in batch]
        told = torch.from_numpy(prompt_batch(engine.tokenizer, prompts, reporter.prompt_tokens))
        wanted = as_trained(images_to_tensor(images), told)
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

"""What the validation report says of the graphs that hospitals run."""

from pathlib import Path

from pipelines.evidence import NOT_MEASURED, Content
from pipelines.metrics import read_metrics


def parity_section(root: Path) -> Content:
    """The stage's figures; `variants` has those of each variant, `torch` those of the trained model beside them."""
    figures = read_metrics("parity", root / "metrics")
    parted: dict[str, dict[str, float | None]] = {}
    for name, value in figures.items():
        of, _, figure = name.partition(".")
        if figure:
            parted.setdefault(of, {})[figure] = value
    return {
        "figures": figures,
        "torch": parted.pop("torch", {}),
        "variants": parted,
        "latency": NOT_MEASURED,
    }

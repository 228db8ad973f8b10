"""A snapshot as Prometheus reads it: text exposition format 0.0.4."""

from collections.abc import Iterable, Mapping
from math import isfinite

from monitoring.columns import Family
from monitoring.data_drift import family
from monitoring.snapshot import Snapshot

Sample = tuple[Mapping[str, str], float | None]


def render(snapshot: Snapshot) -> str:
    """All figures as gauges, labelled with the model version. What is not known has no line."""
    running, rolling, judged = snapshot.running, snapshot.quality, snapshot.judged
    latest = snapshot.history[-1].distances if snapshot.history else {}
    firing = {name: sum(alarm.family is name for alarm in snapshot.alarms) for name in Family}
    gauges: list[tuple[str, str, Iterable[Sample]]] = [
        ("as_of_seconds", "Time of the snapshot.", [({}, snapshot.as_of.timestamp())]),
        ("windows", "Whole windows judged.", [({}, len(snapshot.history))]),
        ("left_out", "Studies left out.",
         [({"why": why}, n) for why, n in (("repeated", snapshot.repeated), ("skewed", snapshot.skewed))]),
        ("alarms", "Alarms by family.", [({"family": name}, n) for name, n in firing.items()]),
        ("distance", "Distance of the latest window from the reference, 0 to 1.",
         [({"family": family(name), "feature": name}, found.effect) for name, found in latest.items()]),
        ("distance_p", "Its p value, not adjusted.",
         [({"family": family(name), "feature": name}, found.p) for name, found in latest.items()]),
        ("prevalence", "Share of studies in which a finding is drafted.",
         [({"finding": name}, change.share) for name, change in judged.changes.items()]),
        ("creep", "Greater cumulative sum of a feature, in standard errors.",
         [({"feature": name}, found.greater) for name, found in judged.sums.items()]),
        ("quality", "Figures of the last reviewed studies.",
         [({"figure": name, "bound": bound}, getattr(found, bound))
          for name, found in rolling.figures.items() for bound in ("value", "low", "high")]),
        ("reviewed", "Reviewed studies behind them.", [({}, rolling.n)]),
        ("unreviewed", "Drafts without a review.", [({}, rolling.pending)]),
        ("latency_seconds", "Seconds from arrival to draft.",
         [({"quantile": f"0.{q}"}, getattr(running, f"p{q}")) for q in (50, 95, 99)]),
        ("queue", "Studies that wait for a draft.", [({}, running.queue)]),
        ("error_rate", "Share of studies without a draft.", [({}, running.error_rate)]),
        ("gpu_use", "Use of the GPU, 0 to 1.", [({}, running.gpu_use)]),
    ]  # fmt: skip
    lines = []
    for name, says, samples in gauges:
        known = [(labels, value) for labels, value in samples if value is not None and isfinite(value)]
        if known:
            lines += [f"# HELP radassist_{name} {says}", f"# TYPE radassist_{name} gauge"]
            lines += [_line(name, {"model": snapshot.model_version, **labels}, value) for labels, value in known]
    return "\n".join(lines) + "\n"


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    said = ",".join(f'{label}="{_escaped(str(text))}"' for label, text in labels.items())
    return f"radassist_{name}{{{said}}} {value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

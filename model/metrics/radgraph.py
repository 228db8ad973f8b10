"""RadGraph F1 from annotations that the user's RadGraph wrote: its weights need an agreement of the user's own.

Jain et al. 2021 (NeurIPS Datasets); Delbrouck et al. 2022 (EMNLP Findings) for the three figures. An annotation is
RadGraph's JSON of one report: `entities` by number, each with `tokens`, `label` and `relations` to others.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from model.errors import BadInput
from model.metrics.figures import Figure, mean_figure

Annotation = Mapping[str, Any]
Facts = set[tuple[object, ...]]


def radgraph_figures(references: Sequence[Annotation], candidates: Sequence[Annotation]) -> list[Figure]:
    """Means over studies of the F1 between the facts of two reports, 0 where either has none:

    - `radgraph_simple_f1`: an entity is its words and label;
    - `radgraph_partial_f1`: and whether it has a relation, which is what is mostly reported as RadGraph F1;
    - `radgraph_complete_f1`: and each of its relations with the words at the other end.

    Raises:
        BadInput: an annotation is not RadGraph's.
    """
    readings = {"simple": simple, "partial": partial, "complete": complete}
    pairs = list(zip(references, candidates, strict=True))
    return [
        mean_figure(f"radgraph_{name}_f1", [f1(*(facts(read, one) for one in pair)) for pair in pairs])
        for name, read in readings.items()
    ]


def facts(read: Callable[[Mapping[str, Any]], Facts], annotation: Annotation) -> Facts:
    try:
        return read(annotation["entities"])
    except (LookupError, TypeError, AttributeError) as fault:
        raise BadInput(
            f"annotation with {', '.join(map(str, annotation)) or 'nothing'}",
            "RadGraph's JSON of a report: entities by number, with tokens, label and relations",
            "annotate the reports anew",
        ) from fault


def simple(entities: Mapping[str, Any]) -> Facts:
    return {(entity["tokens"], entity["label"]) for entity in entities.values()}


def partial(entities: Mapping[str, Any]) -> Facts:
    return {(entity["tokens"], entity["label"], bool(entity["relations"])) for entity in entities.values()}


def complete(entities: Mapping[str, Any]) -> Facts:
    """An entity without a relation stands for itself; one with some, for each of them."""
    found: Facts = set()
    for entity in entities.values():
        itself = (entity["tokens"], entity["label"])
        found |= {(*itself, kind, entities[to]["tokens"]) for kind, to in entity["relations"]} or {itself}
    return found


def f1(reference: Facts, candidate: Facts) -> float:
    shared = len(reference & candidate)
    return 2 * shared / (len(reference) + len(candidate)) if reference and candidate else 0.0

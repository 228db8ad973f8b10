"""What a reader must know before trusting the figures, and what was not done as it was promised."""

from collections.abc import Iterator

from pipelines.evidence import NOT_MEASURED, Content
from pipelines.evidence.subgroups import INSUFFICIENT

FEW_PATIENTS = 100


def limits(content: Content) -> list[str]:
    """Limits of the model and of its evidence, those that this run adds first."""
    patients = content["results"]["n_patients"]
    grounded = any(row["figure"] == "iou_norm_0.1" and row["value"] is not None for row in content["grounding"])
    thin = sorted({(r["attribute"], r["group"]) for r in content["subgroups"]["rows"] if r["status"] == INSUFFICIENT})
    found = []
    if patients is not None and patients < FEW_PATIENTS:
        found.append(f"The test split has {patients:.0f} patients: the intervals are wide.")
    if not grounded:
        found.append("Grounding was not measured: no sentence of the test split has a region.")
    if thin:
        named = ", ".join(f"{attribute.replace('_', '/')} {group}" for attribute, group in thin)
        found.append(f"Too few studies to judge these groups by at least one figure: {named}.")
    return [
        *found,
        "Text figures reward the wording of the references; they do not say that a draft is safe.",
        "A rule-based labeler reads the findings, in drafts and references alike: its errors are within their figures.",
        "The references are reports as they were written, not a second reading: what they miss counts against a draft "
        "that sees it.",
        "A map shows where the model looked while it wrote. It is no proof of why it wrote what it did.",
        "The figures speak for patients, sites and devices like those of the test split, and for no others.",
        "Not measured before release: latency under load, and the evidence of shadow and canary.",
    ]


def deviations(content: Content) -> list[str]:
    """Where the run departs from what was promised or can be proven, a line each: those that the gate found first."""
    return [*content["verdict"]["deviations"], *_of_policy(content), *_of_origin(content), *_of_parity(content)]


def _of_policy(content: Content) -> Iterator[str]:
    if content["policy"]["committed"] is None:
        path = content["policy"]["path"]
        yield f"{path} is in no commit: nobody can say since when it reads as it does"
    for criterion in content["verdict"]["criteria"]:
        if waiver := criterion["waiver"]:
            by, until, judged = waiver["by"], waiver["expires"], f"{criterion['name']} ({criterion['outcome']})"
            yield f"Waived by {by} until {until}: {judged}, because {waiver['reason']}"
    for section in ("subgroups", "errors"):
        if content[section]["status"] == NOT_MEASURED:
            yield f"There is no analysis of {section}: the stage that makes it left nothing"


def _of_origin(content: Content) -> Iterator[str]:
    provenance, data, verdict = content["provenance"], content["data"], content["verdict"]
    then = provenance["at_training"]
    for what, key in (("data set", "data_md5"), ("environment's lock", "lock_sha256")):
        if then[key] != provenance[key]:
            yield f"The {what} is {provenance[key] or 'unknown'}, and was {then[key] or 'unknown'} at training"
    if verdict["model_sha256"] != content["identity"]["model_sha256"]:
        yield f"The verdict is about other weights, sha256 {verdict['model_sha256'] or 'unknown'}"
    if provenance["git_dirty"] is not False:
        why = "there is no repository" if provenance["git_dirty"] is None else "tracked files differ from it"
        yield f"The code is not that of a commit: {why}"
    for pair in data["shared_patients"]:
        if pair["patients"]:
            yield f"{pair['patients']} patients stand in {' and in '.join(pair['splits'])}"
    for broken in data["validation"]["broken"]:
        yield f"The data do not hold an expectation, {broken['name']} ({broken['severity']}): {broken['found']}"


def _of_parity(content: Content) -> Iterator[str]:
    if not content["parity"]["figures"].get("passed"):
        yield "The exported graphs do not say what the trained model says"
    for variant, figures in content["parity"]["variants"].items():
        if not figures.get("passed"):
            yield f"The {variant} graphs do not hold parity: the model is not registered with them"

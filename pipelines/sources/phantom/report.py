"""A study's report as MIMIC-CXR prints it: the sections under their headers, in several forms."""

import textwrap

from model.study import Section
from pipelines.sources.phantom.fields import Stream
from pipelines.sources.phantom.phrases import COMMON_FIRST
from pipelines.sources.phantom.plan import StudyPlan

# By the last view of the study; the first form is the common one.
EXAMINATION = {
    "AP": ("CHEST (PORTABLE AP)", "Portable AP chest radiograph"),
    "PA": ("CHEST (PA)", "Chest radiograph, single view"),
    "LATERAL": ("CHEST (PA AND LAT)", "Chest radiographs, two views"),
}
TECHNIQUE = {
    "AP": (
        "Portable AP chest radiograph.",
        "Single portable AP view of the chest.",
        "Portable upright AP radiograph of the chest was obtained.",
    ),
    "PA": ("Single PA view of the chest.", "PA radiograph of the chest.", "Upright PA view of the chest was obtained."),
    "LATERAL": (
        "PA and lateral views of the chest.",
        "Chest PA and lateral.",
        "Upright PA and lateral views of the chest were obtained.",
    ),
}
INDICATION = (
    "___-year-old {who} with {complaint}.",
    "{complaint}.",
    "History: ___ with {complaint}",
    "___ year old {who} with {complaint} // evaluate for acute process",
)
COMPARISON = ("Chest radiograph from ___.", "Prior chest radiograph dated ___.", "Radiograph of ___.")
NO_COMPARISON = ("None.", "None available.", "No prior studies available for comparison.")


def report_text(plan: StudyPlan) -> str:
    """The whole report, lines of 78 characters at most."""
    stream, view = Stream(*plan.key, "sections"), plan.shots[-1].view
    who = {"F": "woman", "M": "man"}[plan.patient.sex]
    indication = _common(INDICATION, stream).format(who=who, complaint=plan.complaint)
    sections = {
        "EXAMINATION": _common(EXAMINATION[view], stream),
        "INDICATION": indication[0].upper() + indication[1:],
        "TECHNIQUE": _common(TECHNIQUE[view], stream),
        "COMPARISON": _common(NO_COMPARISON if plan.earlier is None else COMPARISON, stream),
        "FINDINGS": _section(plan, Section.FINDINGS),
        "IMPRESSION": _section(plan, Section.IMPRESSION),
    }
    parts = [f"{'FINAL REPORT':>44}"]
    for name, text in sections.items():
        lines = textwrap.wrap(f"{name}:  {text}", 78, initial_indent=" ", subsequent_indent=" ", break_on_hyphens=False)
        parts.append("\n".join(lines))
    return "\n \n".join(parts) + "\n"


def _section(plan: StudyPlan, section: Section) -> str:
    return " ".join(s.text for s in plan.statements if s.section is section)


def _common(forms: tuple[str, ...], stream: Stream) -> str:
    return stream.pick(forms, COMMON_FIRST[: len(forms)])

"""The drafted report: every sentence with the region that it rests on."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.findings import Certainty, Finding, Side, Zone
from model.geometry import Box
from model.study import Section


class Verdict(StrEnum):
    """What a sentence's attention says of its grounding."""

    GROUNDED = "grounded"
    WEAK = "weak"
    UNGROUNDED = "ungrounded"


@dataclass(frozen=True, slots=True)
class GroundedSentence:
    """One drafted sentence.

    `map` is float (rows, columns) over the patch grid of the padded model input and sums to 1 - `null_mass`, the share
    of attention on the null token. `boxes` are in original pixels. `score` is the calibrated probability that the
    sentence is grounded right; `verdict` is its reading. A `withheld` sentence is kept on record, but not surfaced.
    """

    text: str
    section: Section
    map: NDArray[np.float32]
    null_mass: float
    boxes: tuple[Box, ...]
    score: float
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    anatomy: tuple[str, ...] = ()
    withheld: bool = False

    @property
    def positive(self) -> bool:
        """True where the sentence states a finding."""
        return any(finding.positive for finding in self.findings)

    @property
    def flagged(self) -> bool:
        """True for a stated finding that rests on no region."""
        return self.positive and self.verdict is Verdict.UNGROUNDED

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "section": self.section.value,
            "map": np.round(self.map.astype(float), 5).tolist(),
            "null_mass": round(self.null_mass, 5),
            "boxes": [[round(v, 1) for v in box.as_list()] for box in self.boxes],
            "score": round(self.score, 4),
            "verdict": self.verdict.value,
            "flagged": self.flagged,
            "withheld": self.withheld,
            "findings": [asdict(finding) for finding in self.findings],
            "anatomy": list(self.anatomy),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "GroundedSentence":
        return cls(
            text=data["text"],
            section=Section(data["section"]),
            map=np.asarray(data["map"], np.float32),
            null_mass=data["null_mass"],
            boxes=tuple(Box(*box) for box in data["boxes"]),
            score=data["score"],
            verdict=Verdict(data["verdict"]),
            findings=tuple(
                Finding(
                    f["observation"],
                    Certainty(f["certainty"]),
                    Side(f["side"]) if f["side"] else None,
                    Zone(f["zone"]) if f["zone"] else None,
                )
                for f in data["findings"]
            ),
            anatomy=tuple(data["anatomy"]),
            withheld=data["withheld"],
        )


@dataclass(frozen=True, slots=True)
class GroundedReport:
    """A draft for one study.

    `confidence` is the calibrated probability that no finding of the draft, as written, needs correcting.
    """

    study_id: str
    sentences: tuple[GroundedSentence, ...]
    image_width: int
    image_height: int
    model_version: str
    input_sha256: str
    confidence: float

    @property
    def surfaced(self) -> tuple[GroundedSentence, ...]:
        """The sentences that a reader is shown."""
        return tuple(s for s in self.sentences if not s.withheld)

    def withhold_ungrounded(self) -> "GroundedReport":
        """The report with its flagged sentences withheld too. No denial or normal statement is flagged."""
        return replace(self, sentences=tuple(replace(s, withheld=s.withheld or s.flagged) for s in self.sentences))

    def section(self, section: Section) -> str:
        """What is surfaced of a section."""
        return " ".join(s.text for s in self.surfaced if s.section is section)

    @property
    def text(self) -> str:
        """Findings, then impression, as one string: what the text metrics read."""
        return " ".join(t for t in (self.section(Section.FINDINGS), self.section(Section.IMPRESSION)) if t)

    def to_json(self) -> dict[str, Any]:
        return {
            "study_id": self.study_id,
            "model_version": self.model_version,
            "input_sha256": self.input_sha256,
            "image_width": self.image_width,
            "image_height": self.image_height,
            "confidence": self.confidence,
            "findings": self.section(Section.FINDINGS),
            "impression": self.section(Section.IMPRESSION),
            "sentences": [s.to_json() for s in self.sentences],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "GroundedReport":
        return cls(
            study_id=data["study_id"],
            sentences=tuple(GroundedSentence.from_json(s) for s in data["sentences"]),
            image_width=data["image_width"],
            image_height=data["image_height"],
            model_version=data["model_version"],
            input_sha256=data["input_sha256"],
            confidence=data["confidence"],
        )

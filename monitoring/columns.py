"""What the monitors read of each study: the columns of a stream, by the family of monitors that they belong to."""

from enum import StrEnum

from model.findings import OBSERVATIONS


class Family(StrEnum):
    """Monitors that are corrected for one another, and alarm under one name."""

    DATA = "data"
    EMBEDDING = "embedding"
    FINDINGS = "findings"
    ATTENTION = "attention"
    TEXT = "text"
    QUALITY = "quality"
    OPERATIONS = "operations"
    INPUT = "input"  # what arrives can not be read as it was


STUDY, PATIENT = "study", "patient"  # pseudonyms; they leave no monitor
ARRIVED, DRAFTED, REVIEWED = "arrived_at", "drafted_at", "reviewed_at"  # UTC; null until it happened

NUMBERS: dict[Family, tuple[str, ...]] = {
    Family.DATA: (
        "image.intensity_mean",
        "image.intensity_sd",
        "image.intensity_p01",
        "image.intensity_p99",
        "image.aspect_ratio",
        "image.sharpness",
        "image.noise",
        "image.exposure",
        "image.saturation",
    ),
    Family.ATTENTION: (
        "attention.entropy",  # over patches and null token, over that of even attention; mean of the sentences
        "attention.mass_stated",  # on the image and not the null token, in sentences that state a finding
        "attention.mass_denied",  # in those that deny one
        "attention.weak",  # share of the study's sentences
        "attention.ungrounded",
    ),
    Family.TEXT: (
        "text.words",
        "text.distinct",  # share of the words that differ from all before them
        "text.repeated",  # share of the sentences that were there before
        "text.template",  # 1 where the report is one of the training set's most frequent, else 0
    ),
}
CATEGORIES: tuple[str, ...] = ("image.view", "image.device")
EMBEDDING = "embedding"  # the encoder's pooled features, a vector a study
FINDINGS: tuple[str, ...] = tuple(f"finding.{name}" for name in OBSERVATIONS)  # 1 drafted as present, 0 not
SECONDS, FAILED = "seconds", "failed"  # from arrival to draft; 1 where there was no draft

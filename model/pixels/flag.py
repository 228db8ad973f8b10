"""What a reader should know of an image that was accepted all the same."""

from enum import StrEnum


class Flag(StrEnum):
    """Remarks that travel with the model's input."""

    BURNED_IN_ANNOTATION = "burned_in_annotation"
    """(0028,0301) says YES: text in the pixels may name the patient."""
    CONSTANT = "constant"
    """One grey level everywhere, once rendered."""
    ILLEGAL_PRESENTATION = "illegal_presentation"
    """MONOCHROME1 with IDENTITY, MONOCHROME2 with INVERSE, or an unknown PresentationLUTShape."""
    INVALID_RESCALE = "invalid_rescale"
    """RescaleSlope 0, or a value that is no number or beyond all units: left out."""
    INVALID_VOI = "invalid_voi"
    """A VOI LUT or window breaks the standard; the next usable one was taken."""
    LOSSY = "lossy"
    """Compressed with loss at some time."""
    NO_FILE_META = "no_file_meta"
    NO_MODALITY = "no_modality"
    NO_VOI = "no_voi"
    """No usable VOI LUT or window: least to greatest value."""
    SECONDARY_CAPTURE = "secondary_capture"
    """Stored as a secondary capture, though its modality is a radiograph's."""
    UPSCALED = "upscaled"
    """Smaller than the model's input."""

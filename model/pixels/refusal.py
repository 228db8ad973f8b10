"""Why a file cannot become the model's input. Every refusal is typed; no parser's own error leaves this package."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from pydicom.errors import BytesLengthException, InvalidDicomError

from model.errors import RadAssistError


class Refusal(StrEnum):
    """The closed list of reasons."""

    NOT_DICOM = "not_dicom"
    """Neither DICOM nor PNG nor JPEG."""
    NOT_A_RADIOGRAPH = "not_a_radiograph"
    """Another modality, a secondary capture of unknown origin, or colour."""
    FOR_PROCESSING = "for_processing"
    """Raw detector values, which no reader is meant to look at (PresentationIntentType)."""
    NO_PIXELS = "no_pixels"
    MULTI_FRAME = "multi_frame"
    TOO_LARGE = "too_large"
    UNSUPPORTED_SYNTAX = "unsupported_syntax"
    """A transfer syntax, or a variant of one, without a decoder here."""
    UNSUPPORTED_PIXELS = "unsupported_pixels"
    """Floating-point samples, or words other than 8 or 16 bits."""
    CORRUPT = "corrupt"
    """Breaks the format that it claims to have."""
    NESTED_TOO_DEEP = "nested_too_deep"
    """Sequences in sequences beyond what the interpreter's stack holds."""
    OUT_OF_MEMORY = "out_of_memory"
    TIME_OUT = "time_out"
    CRASHED = "crashed"
    """The process that decoded it died."""


class PixelsRefused(RadAssistError):
    """A file that cannot become the model's input. `detail` is one line without patient data."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail

    def __reduce__(self) -> tuple[type["PixelsRefused"], tuple[Refusal, str]]:
        return PixelsRefused, (self.reason, self.detail)


PARSER_FAULTS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # RecursionError, NotImplementedError and imagecodecs' own too
    SyntaxError,  # Pillow on a broken PNG
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom, Pillow and the codecs are known to raise on mutated files."""


@contextmanager
def parser_faults(doing: str, reason: Refusal = Refusal.CORRUPT) -> Iterator[None]:
    """Turn any fault of a parser inside the block into a refusal for `reason` that says what was being done.

    The fault's own words stay out, and out of tracebacks: after a wrong length they quote whatever bytes followed.
    """
    try:
        yield
    except MemoryError:
        raise PixelsRefused(Refusal.OUT_OF_MEMORY, f"{doing} takes more memory than there is") from None
    except RecursionError:
        raise PixelsRefused(Refusal.NESTED_TOO_DEEP, f"{doing} recurses beyond all use") from None
    except PARSER_FAULTS as fault:
        raise PixelsRefused(reason, f"{doing} failed: {type(fault).__name__}") from None

"""The one way from a DICOM, PNG or JPEG file to the model's input, in training, evaluation, shadow and serving."""

from model.pixels.confined import ConfinedPixels
from model.pixels.flag import Flag
from model.pixels.geometry import Geometry
from model.pixels.model_input import ModelInput, to_display, to_input_and_display, to_model_input
from model.pixels.params import PixelParams
from model.pixels.refusal import PixelsRefused, Refusal

__all__ = [
    "ConfinedPixels",
    "Flag",
    "Geometry",
    "ModelInput",
    "PixelParams",
    "PixelsRefused",
    "Refusal",
    "to_display",
    "to_input_and_display",
    "to_model_input",
]

"""One drawn study as a DICOM file: a DX image (MONOCHROME2) or a CR image (MONOCHROME1), uncompressed.

DICOM PS3.3 A.26 (Digital X-Ray Image) and A.2 (Computed Radiography Image). UIDs stand under 2.25, the root for UUIDs
(PS3.5 B.2), and follow from the seed.
"""

import io
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from pipelines.sources.phantom.fields import Field
from pipelines.sources.phantom.plan import StudyPlan

FILM_MM = 350.0
DX_RANGE = (0, 4095)
CR_RANGE = (480, 3180)  # within 12 bits; the window shows just this range


def encode(plan: StudyPlan, image: Field) -> bytes:
    """The study's one image as a DICOM file. `image` is float64 (side, side), 0 black to 1 white."""
    dataset = Dataset()
    _identify(dataset, plan)
    _position(dataset, plan)
    if plan.computed:
        _computed_radiography(dataset, image)
    else:
        _digital_x_ray(dataset, image)
    spacing = f"{FILM_MM / image.shape[1]:.6g}"
    dataset.ImagerPixelSpacing = [spacing, spacing]
    dataset.file_meta = _file_meta(dataset)
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def uid(plan: StudyPlan, *what: str | int) -> UID:
    """A UID that the seed and the thing's name determine."""
    digest = sha256("/".join(map(str, (plan.seed, *what))).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")


def _file_meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID("2.25.331074263841920846302417203915846120947")
    meta.ImplementationVersionName = "PHANTOM_1"
    return meta


def _identify(dataset: Dataset, plan: StudyPlan) -> None:
    """Patient, study and series, and what made the image."""
    day = plan.day.strftime("%Y%m%d")
    dataset.PatientName = ""
    dataset.PatientID = plan.patient.subject_id
    dataset.PatientBirthDate = ""
    dataset.PatientSex = plan.patient.sex
    dataset.PatientAge = f"{plan.age:03d}Y"
    dataset.StudyInstanceUID = uid(plan, "study", plan.number)
    dataset.StudyID = plan.study_id
    dataset.StudyDate = dataset.ContentDate = dataset.AcquisitionDate = day
    dataset.StudyTime = dataset.ContentTime = dataset.AcquisitionTime = plan.time
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.SeriesInstanceUID = uid(plan, "series", plan.number)
    dataset.SeriesNumber = dataset.InstanceNumber = "1"
    dataset.SOPInstanceUID = uid(plan, "image", plan.number)
    dataset.Manufacturer = "RadAssist"
    dataset.InstitutionName = "Phantom"
    dataset.DeviceSerialNumber = "1"
    dataset.SoftwareVersions = "1"


def _position(dataset: Dataset, plan: StudyPlan) -> None:
    """How the chest stands in the image: seen from the front, whichever way the ray went."""
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = plan.view
    dataset.PatientOrientation = ["L", "F"]


def _digital_x_ray(dataset: Dataset, image: Field) -> None:
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.Modality = "DX"
    dataset.ManufacturerModelName = "Phantom DX"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", ""]
    dataset.AcquisitionContextSequence = Sequence()
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "816094009", "SCT", "Chest"
    dataset.AnatomicRegionSequence = Sequence([region])
    dataset.ImageLaterality = "U"
    dataset.DetectorType = "DIRECT"
    dataset.PositionerType = "NONE"
    dataset.BurnedInAnnotation = "NO"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.LossyImageCompression = "00"
    _pixels(dataset, image, "MONOCHROME2", DX_RANGE)


def _computed_radiography(dataset: Dataset, image: Field) -> None:
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.Modality = "CR"
    dataset.ManufacturerModelName = "Phantom CR"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    _pixels(dataset, 1.0 - image, "MONOCHROME1", CR_RANGE)


def _pixels(dataset: Dataset, shown: Field, interpretation: str, values: tuple[int, int]) -> None:
    """Store `shown`, 0 to 1, as the range `values`, with the linear window that shows just it (PS3.3 C.11.2.1.2.1)."""
    low, high = values
    stored: NDArray[np.uint16] = (low + np.rint(shown * (high - low))).astype("<u2")
    dataset.WindowCenter, dataset.WindowWidth = f"{(low + high + 1) / 2:g}", f"{high - low + 1}"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = interpretation
    dataset.Rows, dataset.Columns = shown.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = stored.tobytes()

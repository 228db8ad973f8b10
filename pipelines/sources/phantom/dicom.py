"""One drawn image as a DICOM file: a Digital X-Ray image for presentation, or a Computed Radiography one.

DICOM PS3.3 A.26 (Digital X-Ray Image) and A.2 (Computed Radiography Image). UIDs stand under 2.25, the root for UUIDs
(PS3.5 B.2), and follow from the seed. How the pixels are stored is `storage`'s.
"""

import io
from hashlib import sha256

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite, write_dataset, write_file_meta_info
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
)

from pipelines.sources.phantom.deflate import stored_blocks
from pipelines.sources.phantom.fields import Field
from pipelines.sources.phantom.plan import Shot, StudyPlan

FILM_MM = 430.0  # the longer side
MANUFACTURER = "RadAssist"  # of no machine that there is: a study with it is nobody's


def encode(plan: StudyPlan, shot: Shot, image: Field) -> bytes:
    """One image of the study as a DICOM file. `image` is float64 (rows, columns), 0 black to 1 white."""
    dataset = Dataset()
    _identify(dataset, plan, shot)
    if plan.patient.site.modality == "CR":
        dataset.SOPClassUID = ComputedRadiographyImageStorage
        dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    else:
        _digital_x_ray(dataset, shot)
    spacing = f"{FILM_MM / max(image.shape):.6g}"
    dataset.ImagerPixelSpacing = [spacing, spacing]
    dataset.file_meta = _file_meta(dataset, shot.storage.syntax)
    shot.storage.store(dataset, image)
    return _deflated(dataset) if shot.storage.syntax == DeflatedExplicitVRLittleEndian else _written(dataset)


def _written(dataset: Dataset) -> bytes:
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def _deflated(dataset: Dataset) -> bytes:
    """PS3.5 A.5, with blocks that are stored as they are."""
    whole, plain = DicomBytesIO(), DicomBytesIO()
    whole.write(bytes(128) + b"DICM")
    write_file_meta_info(whole, dataset.file_meta)
    plain.is_little_endian, plain.is_implicit_VR = True, False
    write_dataset(plain, dataset)
    stream = stored_blocks(plain.getvalue())
    return whole.getvalue() + stream + bytes(len(stream) % 2)


def uid(plan: StudyPlan, *what: str | int) -> UID:
    """A UID that the seed and the thing's name determine."""
    digest = sha256("/".join(map(str, (plan.seed, *what))).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")


def _file_meta(dataset: Dataset, syntax: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID("2.25.331074263841920846302417203915846120947")
    meta.ImplementationVersionName = "PHANTOM_2"
    return meta


def _identify(dataset: Dataset, plan: StudyPlan, shot: Shot) -> None:
    """Patient, study, series and machine, and how the chest stands in the image."""
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
    dataset.SeriesNumber = "1"
    dataset.InstanceNumber = str(shot.number)
    dataset.SOPInstanceUID = uid(plan, "image", plan.number, shot.number)
    dataset.Modality = plan.patient.site.modality
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = plan.patient.site.device
    dataset.InstitutionName = plan.patient.site.name
    dataset.DeviceSerialNumber = "1"
    dataset.SoftwareVersions = "2"
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = shot.view
    dataset.PatientOrientation = ["P", "F"] if shot.view == "LATERAL" else ["L", "F"]


def _digital_x_ray(dataset: Dataset, shot: Shot) -> None:
    """What PS3.3 A.26 asks for beside the pixels."""
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
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
    dataset.PresentationLUTShape = "INVERSE" if shot.storage.inverted else "IDENTITY"
    dataset.LossyImageCompression = "00"

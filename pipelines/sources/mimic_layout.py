"""Where MIMIC-CXR keeps what, for the source that reads the layout and for the phantom that writes it.

    files/p10/p10000032/s50414267/DICOM_ID.dcm        an image (.jpg in MIMIC-CXR-JPG)
    files/p10/p10000032/s50414267.txt                 the study's report; also under mimic-cxr-reports/
    mimic-cxr-2.0.0-{metadata,split,chexpert}.csv     any version, plain or .gz
    patients.csv, admissions.csv                      demographics, from MIMIC-IV
    ms-cxr/MS_CXR_Local_Alignment_v1.1.0.json         MS-CXR's boxes, any version: COCO's JSON, phrase in `label_text`
    sentence_masks/p10/p10000032/s50414267/           this project's addition: sentences.json and a mask a sentence

The metadata table may have one column more than MIMIC-CXR's: `Site`, the name of the hospital.

Sources: Johnson et al. 2019, MIMIC-CXR (PhysioNet, v2.0.0) and MIMIC-CXR-JPG; Johnson et al. 2023, MIMIC-IV; Boecking
et al. 2022, MS-CXR (PhysioNet, v1.1.0).
"""

from pathlib import PurePosixPath

# The order of the columns in mimic-cxr-*-chexpert.csv: the 14 observations by name.
LABEL_COLUMNS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
)

SENTENCES_FILE = "sentences.json"
MS_CXR_FILE = PurePosixPath("ms-cxr", "MS_CXR_Local_Alignment_v1.1.0.json")


def patient_folder(subject: str) -> PurePosixPath:
    """p10/p10000032"""
    return PurePosixPath(f"p{subject[:2]}", f"p{subject}")


def image_folder(subject: str, study: str) -> PurePosixPath:
    """files/p10/p10000032/s50414267"""
    return "files" / patient_folder(subject) / f"s{study}"


def report_places(subject: str, study: str) -> tuple[PurePosixPath, ...]:
    """Where a report can stand: beside its study's folder, or in the separate archive of reports."""
    name = patient_folder(subject) / f"s{study}.txt"
    return "files" / name, "mimic-cxr-reports" / name, "mimic-cxr-reports/files" / name


def masks_folder(subject: str, study: str) -> PurePosixPath:
    """sentence_masks/p10/p10000032/s50414267"""
    return "sentence_masks" / patient_folder(subject) / f"s{study}"

"""What can be wrong with the chest: the observations of CheXpert but No Finding, and all that can be read of one."""

from dataclasses import dataclass
from enum import StrEnum

from model.findings import Side, Zone

DEPICTED = (
    "Support Devices",
    "Lung Opacity",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Edema",
    "Lung Lesion",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumothorax",
    "Cardiomegaly",
    "Enlarged Cardiomediastinum",
    "Fracture",
)
"""The observations that a phantom study can show, in the order in which a report speaks of them."""


class Size(StrEnum):
    """Extent or severity, in the words of the observation: a mild edema is SMALL, a severe one LARGE."""

    SMALL = "small"
    MODERATE = "moderate"
    LARGE = "large"


class Form(StrEnum):
    """What exactly is seen, where an observation has several forms."""

    ENDOTRACHEAL_TUBE = "endotracheal tube"
    GASTRIC_TUBE = "enteric tube"
    CENTRAL_LINE = "central venous catheter"
    PACEMAKER = "pacemaker"
    CHEST_TUBE = "chest tube"
    STERNAL_WIRES = "sternotomy wires"
    RIB_FRACTURE = "rib fracture"
    CLAVICLE_FRACTURE = "clavicle fracture"
    PLEURAL_THICKENING = "pleural thickening"
    PLEURAL_PLAQUE = "calcified pleural plaque"
    LINEAR_ATELECTASIS = "linear atelectasis"
    LOBAR_ATELECTASIS = "lower lobe collapse"


@dataclass(frozen=True, slots=True)
class Abnormality:
    """One observation that is there, with all that can be read of it from the picture.

    `faint`: drawn with about half its contrast, so that a reader hedges.
    """

    observation: str
    size: Size
    side: Side | None = None
    zone: Zone | None = None
    form: Form | None = None
    faint: bool = False

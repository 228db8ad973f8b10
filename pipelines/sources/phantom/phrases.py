"""The words of the reports: what each abnormality is called, and the sentences around it.

Of the alternatives the first is by far the most common and the last is rare (`COMMON_FIRST`), as in real reports.
`{size}`, `{degree}`, `{extent}` and `{lesion}` say a size, `{side}` and `{zone}` a place.
"""

from dataclasses import dataclass

from model.findings import Certainty, Zone
from pipelines.sources.phantom.abnormalities import Form, Size
from pipelines.sources.phantom.course import Course
from pipelines.sources.phantom.regions import Region

COMMON_FIRST = (0.63, 0.18, 0.11, 0.08)

DEGREE = {Size.SMALL: "mild", Size.MODERATE: "moderate", Size.LARGE: "severe"}
EXTENT = {Size.SMALL: "mild", Size.MODERATE: "moderate", Size.LARGE: "extensive"}
LESION = {Size.SMALL: "small nodule", Size.MODERATE: "moderate-sized nodule", Size.LARGE: "large mass"}
ZONE = {Zone.UPPER: "upper", Zone.MIDDLE: "mid", Zone.LOWER: "lower"}


@dataclass(frozen=True, slots=True)
class Noun:
    """What an abnormality is called, with its article. `zone` is the one that the words name without `{zone}`."""

    text: str
    zone: Zone | None = None
    plural: bool = False


BOTH_EFFUSIONS = (
    Noun("{size} bilateral pleural effusions", plural=True),
    Noun("bilateral {size} pleural effusions", plural=True),
    Noun("{size} pleural effusions on both sides", plural=True),
)
NOUNS: dict[str, tuple[Noun, ...]] = {
    "Lung Opacity": (
        Noun("a {size} hazy opacity in the {side} {zone} lung zone"),
        Noun("a {size} ground-glass opacity in the {side} {zone} lung zone"),
        Noun("a {size} hazy opacity projecting over the {side} {zone} lung"),
    ),
    "Consolidation": (
        Noun("a {size} consolidation in the {side} {zone} lung zone"),
        Noun("a {size} {side} {zone} zone consolidation"),
        Noun("a {size} airspace consolidation in the {side} {zone} lung"),
    ),
    "Pneumonia": (
        Noun("{extent} patchy opacities in the {side} {zone} lung zone", plural=True),
        Noun("{extent} patchy {side} {zone} zone opacities", plural=True),
        Noun("{extent} multifocal opacities in the {side} {zone} lung", plural=True),
    ),
    Form.LINEAR_ATELECTASIS: (
        Noun("linear atelectasis at the {side} lung base", Zone.LOWER),
        Noun("{side} basilar linear atelectasis", Zone.LOWER),
        Noun("bandlike atelectasis in the {side} lower lung zone", Zone.LOWER),
    ),
    Form.LOBAR_ATELECTASIS: (
        Noun("collapse of the {side} lower lobe", Zone.LOWER),
        Noun("{side} lower lobe collapse", Zone.LOWER),
        Noun("complete {side} lower lobe atelectasis", Zone.LOWER),
    ),
    "Edema": (
        Noun("{degree} pulmonary edema"),
        Noun("{degree} interstitial pulmonary edema"),
        Noun("{degree} perihilar edema", Zone.MIDDLE),
    ),
    "Lung Lesion": (
        Noun("a {lesion} in the {side} {zone} lung zone"),
        Noun("a {lesion} projecting over the {side} {zone} lung"),
        Noun("a {lesion} within the {side} {zone} lung"),
    ),
    "Pleural Effusion": (
        Noun("a {size} {side} pleural effusion"),
        Noun("a {size} pleural effusion on the {side}"),
        Noun("a {size} {side}-sided pleural effusion"),
    ),
    Form.PLEURAL_THICKENING: (Noun("{side} pleural thickening"), Noun("pleural thickening on the {side}")),
    Form.PLEURAL_PLAQUE: (Noun("a calcified {side} pleural plaque"), Noun("a {side} calcified pleural plaque")),
    "Pneumothorax": (
        Noun("a {size} {side} pneumothorax"),
        Noun("a {size} pneumothorax on the {side}"),
        Noun("a {size} {side}-sided pneumothorax"),
    ),
    "Cardiomegaly": (
        Noun("{degree} cardiomegaly"),
        Noun("{degree} enlargement of the cardiac silhouette"),
        Noun("{degree} cardiac enlargement"),
    ),
    "Enlarged Cardiomediastinum": (
        Noun("{degree} widening of the mediastinum"),
        Noun("{degree} mediastinal widening"),
        Noun("{degree} enlargement of the cardiomediastinal silhouette"),
    ),
    Form.RIB_FRACTURE: (
        Noun("a displaced {side} {zone} rib fracture"),
        Noun("a displaced fracture of a {side} {zone} rib"),
    ),
    Form.CLAVICLE_FRACTURE: (
        Noun("a displaced {side} clavicle fracture"),
        Noun("a displaced fracture of the {side} clavicle"),
    ),
}

# Frames for a noun: `{noun}` with its article, `{bare}` without; `{be}` and `{have}` agree with it.
FRAMES: dict[Certainty | Course, tuple[str, ...]] = {
    Certainty.DEFINITE: ("There {be} {noun}.", "{noun} {be} seen.", "{noun} {be} present.", "{bare}."),
    Certainty.LIKELY: ("There {be} likely {noun}.", "Likely {bare}.", "Findings are most consistent with {noun}."),
    Certainty.POSSIBLE: (
        "There may be {noun}.",
        "Possible {bare}.",
        "Findings may represent {noun}.",
        "{noun} cannot be excluded.",
    ),
    Course.NEW: ("There {be} new {bare}.", "New {bare}.", "{noun} {be} new since the prior radiograph."),
    Course.UNCHANGED: ("{noun} {be} unchanged.", "Unchanged {bare}.", "{noun} {be} stable since the prior radiograph."),
    Course.INCREASED: (
        "{noun} {have} increased since the prior radiograph.",
        "Worsening {bare}.",
        "{noun} {be} larger than on the prior radiograph.",
    ),
    Course.DECREASED: (
        "{noun} {have} decreased since the prior radiograph.",
        "Improving {bare}.",
        "{noun} {be} smaller than on the prior radiograph.",
    ),
}
SUMMARY_FRAMES: dict[Certainty | Course, tuple[str, ...]] = {
    Certainty.DEFINITE: ("{bare}.",),
    Certainty.LIKELY: ("Likely {bare}.", "Findings are most consistent with {noun}."),
    Certainty.POSSIBLE: ("Possible {bare}.", "{noun} cannot be excluded."),
    Course.NEW: ("New {bare}.", "{bare}, new since the prior radiograph."),
    Course.UNCHANGED: ("Unchanged {bare}.", "Stable {bare}."),
    Course.INCREASED: ("Worsening {bare}.", "Increased {bare}."),
    Course.DECREASED: ("Improving {bare}.", "Decreased {bare}."),
}

# Patchy opacities are seen; that they are a pneumonia is read into them.
PATCHES: dict[Certainty | Course, tuple[str, ...]] = {
    Certainty.DEFINITE: ("There are {noun}, consistent with pneumonia.", "{bare} likely represent pneumonia."),
    Certainty.POSSIBLE: ("There are {noun}, which may represent pneumonia.", "{bare}, concerning for pneumonia."),
    Course.NEW: ("There are new {bare}, consistent with pneumonia.", "New {bare} likely represent pneumonia."),
    Course.UNCHANGED: ("Unchanged {bare}, consistent with pneumonia.",),
    Course.INCREASED: ("Worsening {bare}, consistent with pneumonia.",),
    Course.DECREASED: ("Improving {bare}, consistent with pneumonia.",),
}
PNEUMONIA = (Noun("{side} {zone} lung zone pneumonia"), Noun("pneumonia in the {side} {zone} lung"))
"""What they are called in an impression."""

PREDICATES = {
    "Cardiomegaly": "The heart is {degree}ly enlarged.",
    "Enlarged Cardiomediastinum": "The mediastinum is {degree}ly widened.",
}
"""Said now and then in place of a frame with a noun."""

DEVICES: dict[Form, tuple[str, ...]] = {
    Form.ENDOTRACHEAL_TUBE: (
        "Endotracheal tube tip is above the carina.",
        "An endotracheal tube terminates above the carina.",
        "Endotracheal tube is in standard position.",
    ),
    Form.GASTRIC_TUBE: (
        "Enteric tube courses below the diaphragm.",
        "An enteric tube extends into the stomach.",
        "Nasogastric tube tip is in the stomach.",
    ),
    Form.CENTRAL_LINE: (
        "{side} central venous catheter tip is in the superior vena cava.",
        "A {side} central line terminates in the superior vena cava.",
        "{side} central venous catheter is in standard position.",
    ),
    Form.PACEMAKER: (
        "{side}-sided pacemaker leads are in standard position.",
        "A {side} chest wall pacemaker is in place.",
        "{side} pectoral pacemaker is present.",
    ),
    Form.CHEST_TUBE: (
        "{side} chest tube is in place.",
        "A {side}-sided chest tube is present.",
        "{side} chest tube is in standard position.",
    ),
    Form.STERNAL_WIRES: (
        "Median sternotomy wires are intact.",
        "Sternotomy wires are in place.",
        "The patient is status post median sternotomy with intact sternal wires.",
    ),
}
RESOLVED = ("Previously seen {bare} {have} resolved.", "{bare} {have} resolved since the prior radiograph.")
REMOVED = ("The {bare} has been removed.", "Interval removal of the {bare}.")
THINGS: dict[str, Noun] = {
    "Lung Opacity": Noun("{side} lung opacity"),
    "Consolidation": Noun("{side} lung consolidation"),
    "Pneumonia": Noun("{side} lung pneumonia"),
    "Atelectasis": Noun("{side} basilar atelectasis", Zone.LOWER),
    "Edema": Noun("pulmonary edema"),
    "Pleural Effusion": Noun("{side} pleural effusion"),
    "Pneumothorax": Noun("{side} pneumothorax"),
    "Support Devices": Noun("{form}"),
}
"""What a later report calls gone; of the rest it says nothing more."""

REGIONS: dict[str, tuple[Region, ...]] = {
    "Support Devices": (Region.MEDIASTINUM,),
    "Lung Opacity": (Region.LUNGS,),
    "Consolidation": (Region.LUNGS,),
    "Pneumonia": (Region.LUNGS,),
    "Atelectasis": (Region.LUNGS,),
    "Edema": (Region.LUNGS,),
    "Lung Lesion": (Region.LUNGS,),
    "Pleural Effusion": (Region.ANGLES,),
    "Pneumothorax": (Region.APICES,),
    "Cardiomegaly": (Region.HEART,),
    "Enlarged Cardiomediastinum": (Region.MEDIASTINUM,),
    "Fracture": (Region.BONES,),
}
"""Where one looks to deny an observation."""

# Sentences that deny some observations together, by these; the empty tuple says that the lungs are normal.
DENIALS: dict[tuple[str, ...], tuple[str, ...]] = {
    (): ("The lungs are clear.", "Lungs are clear.", "The lungs are well aerated and clear."),
    ("Consolidation",): (
        "No focal consolidation.",
        "There is no focal consolidation.",
        "No focal consolidation is seen.",
        "No evidence of consolidation.",
    ),
    ("Edema",): ("No pulmonary edema.", "There is no pulmonary edema.", "No evidence of pulmonary edema."),
    ("Consolidation", "Edema"): ("No focal consolidation or pulmonary edema.",),
    ("Pleural Effusion", "Pneumothorax"): (
        "No pleural effusion or pneumothorax.",
        "There is no pleural effusion or pneumothorax.",
        "No pneumothorax or pleural effusion is seen.",
        "There is no evidence of pleural effusion or pneumothorax.",
    ),
    ("Pleural Effusion",): (
        "No pleural effusion.",
        "There is no pleural effusion.",
        "No pleural effusion is seen.",
        "No evidence of pleural effusion.",
    ),
    ("Pneumothorax",): (
        "No pneumothorax.",
        "There is no pneumothorax.",
        "No pneumothorax is seen.",
        "No evidence of pneumothorax.",
    ),
    ("Cardiomegaly",): (
        "Heart size is normal.",
        "The heart is normal in size.",
        "Heart size is within normal limits.",
        "The heart is not enlarged.",
    ),
    ("Enlarged Cardiomediastinum",): (
        "The mediastinal contours are normal.",
        "Mediastinal contours are within normal limits.",
        "The mediastinum is unremarkable.",
    ),
    ("Cardiomegaly", "Enlarged Cardiomediastinum"): (
        "Heart size and mediastinal contours are normal.",
        "The heart and mediastinum are within normal limits.",
        "Heart and mediastinal contours are normal.",
    ),
    ("Fracture",): (
        "No acute fracture.",
        "No displaced fracture is seen.",
        "No rib fracture is identified.",
    ),
}
NORMAL = (
    "No acute cardiopulmonary abnormality.",
    "No acute cardiopulmonary process.",
    "No acute intrathoracic process.",
    "No acute cardiopulmonary disease.",
)
VIEW_SENTENCES = {
    "AP": ("Portable frontal view of the chest.", "A single portable view of the chest was obtained."),
    "PA": ("Frontal view of the chest.", "A single frontal view of the chest was obtained."),
    "LATERAL": ("Frontal and lateral views of the chest.", "Two views of the chest were obtained."),
}

"""Which shape shows which abnormality."""

from collections.abc import Callable

from pipelines.sources.phantom.abnormalities import Abnormality, Form
from pipelines.sources.phantom.airspace import Consolidation, Edema, Lesion, Opacity, Pneumonia
from pipelines.sources.phantom.anatomy import Frame
from pipelines.sources.phantom.atelectasis import LinearAtelectasis, LobarAtelectasis
from pipelines.sources.phantom.changes import Shape
from pipelines.sources.phantom.devices import Device
from pipelines.sources.phantom.fields import Stream
from pipelines.sources.phantom.fractures import Fracture
from pipelines.sources.phantom.mediastinum import EnlargedHeart, WideMediastinum
from pipelines.sources.phantom.pleura import Effusion, Plaques, Pneumothorax, Thickening

SHAPES: dict[str, Callable[[Abnormality, Frame, Stream], Shape]] = {
    "Support Devices": Device.draw,
    "Lung Opacity": Opacity.draw,
    "Consolidation": Consolidation.draw,
    "Pneumonia": Pneumonia.draw,
    Form.LINEAR_ATELECTASIS: LinearAtelectasis.draw,
    Form.LOBAR_ATELECTASIS: LobarAtelectasis.draw,
    "Edema": Edema.draw,
    "Lung Lesion": Lesion.draw,
    "Pleural Effusion": Effusion.draw,
    Form.PLEURAL_THICKENING: Thickening.draw,
    Form.PLEURAL_PLAQUE: Plaques.draw,
    "Pneumothorax": lambda abnormality, _, stream: Pneumothorax.draw(abnormality, stream),
    "Cardiomegaly": lambda *_: EnlargedHeart(),
    "Enlarged Cardiomediastinum": lambda *_: WideMediastinum(),
    "Fracture": Fracture.draw,
}
"""By observation, or by form where the forms have nothing in common."""


def depict(abnormality: Abnormality, frame: Frame, key: tuple[int | str, ...]) -> Shape:
    """Measure an abnormality out, from a random stream of its own."""
    name = abnormality.observation if abnormality.observation in SHAPES else abnormality.form or ""
    return SHAPES[name](abnormality, frame, Stream(*key, abnormality.observation, abnormality.form or ""))

"""A trained model back from its artefact folder."""

from typing import TYPE_CHECKING

from model.artefact import Artefact

if TYPE_CHECKING:
    from model.reporter import Reporter


def load_reporter(artefact: Artefact) -> "Reporter":
    """Build the reporter that `config.json` describes and load its weights, ready to draft."""
    from safetensors.torch import load_file

    from model.configurations import build_reporter

    reporter = build_reporter(artefact.config)
    reporter.load_state_dict(load_file(artefact.folder / "model.safetensors"))
    return reporter.eval()

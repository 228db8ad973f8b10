"""The architectures, one readable file each; `build_reporter` chooses by name."""

from typing import TYPE_CHECKING, Any

from model.errors import BadInput

if TYPE_CHECKING:
    from model.reporter import Reporter


def build_reporter(config: dict[str, Any]) -> "Reporter":
    """An untrained reporter of `config["architecture"]`. Only that architecture's libraries are imported.

    Raises:
        BadInput: no architecture of this name.
    """
    match config["architecture"]:
        case "grounded":
            from model.configurations.grounded import Grounded

            return Grounded(config)
        case "swin_bart":
            from model.configurations.swin_bart import SwinBart

            return SwinBart(config)
        case "baseline":
            from model.configurations.baseline import Baseline

            return Baseline(config)
        case other:
            raise BadInput(
                f"architecture {other}",
                "a reporter is one of grounded, swin_bart, baseline",
                "set model.architecture in params.yaml; train a model of an older version again",
            )

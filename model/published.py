"""Files that are published under a name on the hub: `weights/facebook/bart-base/` for one holds what lies under it."""

from pathlib import Path

from huggingface_hub import hf_hub_download

from model.errors import BadInput

WEIGHTS = Path("weights")
"""Where what was downloaded lies."""


def fetch(name: str, files: list[str], weights: Path) -> Path:
    """The folder that holds the files published under a name.

    Raises:
        BadInput: neither below `weights` nor to be fetched.
    """
    folder = weights / name
    if all((folder / file).is_file() for file in files):
        return folder
    try:
        fetched = [Path(hf_hub_download(name, file)) for file in files]
    except OSError as error:
        raise BadInput(
            f"weights {name}",
            f"{' and '.join(files)} are neither in {folder} nor to be fetched from here",
            f"download them from https://huggingface.co/{name}/tree/main and put them into {folder.absolute()}; "
            "of weights that are there as pytorch_model.bin alone, https://huggingface.co/spaces/safetensors/convert "
            "makes safetensors",
        ) from error
    return fetched[0].parent

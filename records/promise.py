"""A promise that people write down before it is held against what happens: one of the files in `policy/`."""

from records.canonical import canonical, sha256
from records.strict import Strict


class Promise(Strict):
    """The whole of it; its parts are Strict."""

    @property
    def sha256(self) -> str:
        """Of the content: a comment in the file changes no promise."""
        return sha256(canonical(self.model_dump(mode="json")))

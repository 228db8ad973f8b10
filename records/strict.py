"""Models that are frozen and know no further field, and the kinds of values that the records take."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # a sha256, or a public key
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]
Pseudonym = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,64}$")]  # keyed hash of an id; no name of a person fits
Term = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]  # a word of a closed list, never free text
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """What does not fit is refused without being shown: it may be a patient's."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

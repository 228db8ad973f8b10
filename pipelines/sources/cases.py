"""Which images of a collection show the same patient, read off their file names and addresses.

Collections of case reports name an image by its case and what the image is within it: "pneumonia-7-day3-PA.jpg",
"16660_2_1.jpg". The case is what is left when view, day and sequence are taken off the end. Two images are of one
patient if they share the case of their names, or an address that names a case (".../case/13698"). A patient in both the
training and the test set would flatter a model, while two taken for one cost next to nothing: in doubt, images are
joined. So a number that stands for no case, as browsers number downloads (000001-2.jpg, 000001-3.jpg), joins all that
begin with it.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

_SUFFIX = re.compile(
    r"""[-_. ](?:
        (?:pa|ap|l|ll|rl|lat|lateral|frontal|supine|erect|upright|portable)    # the view
      | day[-_]?\d+ | \d+[-_](?:minute|hour|day|week|month|year)s?             # the day
      | (?:on[-_])?(?:admission|discharge|presentation|arrival) | follow[-_]?up
      | (?:fig(?:ure)?|f|g|image|img)[-_]?\d+[a-e]? | html | jumbo             # the figure of an article
      | [a-e]                                                                  # a panel of it
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?P<case>\d{4,})(?:[-_]\d+){1,2}")  # 16660_2_1, 000001-12
_SEQUENCE = re.compile(r"(?P<case>.*(?:\d|day[-_]?\d+))[-_]\d{1,3}")  # a number after the case's own: pneumonia-3-2
_PANEL = re.compile(r"(?P<case>.*(?:case|patient)[-_]?\d+)[a-e]")  # lancet-case2a
_CASE_ADDRESS = re.compile(r"/cases?/[^/?#]+")


def case_of(file: str) -> str:
    """The case that a file name begins with, in small letters.

    >>> [case_of(name) for name in ("pneumonia-7-day3-PA.jpg", "16660_2_1.jpg", "covid-19-pneumonia-35-2.png")]
    ['pneumonia-7', '16660', 'covid-19-pneumonia-35']
    """
    case = PurePosixPath(file).stem.lower()
    while (shorter := _shorten(case)) != case:
        case = shorter
    return case


def _shorten(case: str) -> str:
    if numbered := _NUMBERED.fullmatch(case):
        return numbered["case"]
    if suffix := _SUFFIX.search(case):
        return case[: suffix.start()] or case
    longer = _SEQUENCE.fullmatch(case) or _PANEL.fullmatch(case)
    return longer["case"] if longer else case


def patients_of(images: Sequence[tuple[str, str]]) -> list[str]:
    """A patient for each image, given as (file, address or ""): the first in the alphabet of the cases joined."""
    parent: dict[str, str] = {}

    def root(case: str) -> str:
        while (above := parent.setdefault(case, case)) != case:
            case = above
        return case

    cases = [case_of(file) for file, _ in images]
    first_at: dict[str, str] = {}
    for case, (_, address) in zip(cases, images, strict=True):
        if found := _CASE_ADDRESS.search(address):
            one, other = sorted((root(case), root(first_at.setdefault(found[0].lower(), case))))
            parent[other] = one
    return [root(case) for case in cases]

"""What a validation report says, gathered from a finished workspace as one plain structure.

The structure is written as canonical JSON, which is what is hashed and signed; the pages are drawn from it and from
nothing else. What was not measured is said to be so. `gathering` puts the sections together; each has a module.
"""

from typing import Any

Content = dict[str, Any]

SCHEMA = "radassist.validation-report/2"
NOT_MEASURED = "not measured"

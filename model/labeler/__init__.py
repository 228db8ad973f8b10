"""Which of the 14 CheXpert observations a report states, how surely, and where: rules and word lists, no model.

The words stand in the YAML files beside the code. A sentence is read in three steps, one module each: `mentions` finds
the words of an observation, `scope` reads off what is said of them, `location` reads where. `labels` gathers the
sentences of a report.
"""

from model.labeler.labels import Convention, Explanation, explain, label_report, label_sentence
from model.labeler.location import anatomy_of

__all__ = ["Convention", "Explanation", "anatomy_of", "explain", "label_report", "label_sentence"]

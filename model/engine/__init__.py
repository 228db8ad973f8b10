"""The inference engine: drafts on ONNX Runtime, with the words and maps of the trained model and no torch.

provider.py  which hardware runs the graphs, asserted
cache.py     the decoder's step with its cache, kept on the device
greedy.py, beams.py  which words are written
limits.py    what a study may cost
engine.py    an exported model, ready to draft
"""

from model.engine.engine import Engine
from model.engine.limits import LimitPassed, Limits, TooBig, TooLong, TooSlow
from model.engine.provider import Provider, session

__all__ = ["Engine", "LimitPassed", "Limits", "Provider", "TooBig", "TooLong", "TooSlow", "session"]

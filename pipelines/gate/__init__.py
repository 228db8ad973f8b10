"""Stage gate: the figures of a model against the policy.

The stage writes `verdict.json` and ends with 0 whatever the verdict, so that a refused model still gets its report;
`radassist gate --enforce` reads that verdict and ends with 3 where the model may not be registered.
"""

from pipelines.gate.command import add_arguments, enforce, gate, main, table
from pipelines.gate.policy import POLICY, Policy, Withhold, load_policy
from pipelines.gate.verdict import VERDICT, Judged, Outcome, Verdict, load_verdict, refusals

__all__ = [
    "POLICY",
    "VERDICT",
    "Judged",
    "Outcome",
    "Policy",
    "Verdict",
    "Withhold",
    "add_arguments",
    "enforce",
    "gate",
    "load_policy",
    "load_verdict",
    "main",
    "refusals",
    "table",
]

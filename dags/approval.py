"""The approval of a run by a person: what Airflow asks, and whether the answer stands.

Airflow knows who clicked, not who it was: the answer counts only beside a signature in the ledger, which is looked for
by `radassist sign-off` with the code of the run's own commit.
"""

import json
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from dags.wiring import InRun, workspace_of
from pipelines.origin import Origin, origin_of
from pipelines.provenance import digest
from pipelines.workspace import Workspace
from records.sign_off import Automatic

QUESTION = """\
The gate passed the model of run `{run}`. Read its validation report, `{report}`{care}.

sha256 of report.json: `{sha256}`

Sign it in the project's root, with your own key, and choose Approve then:

    radassist report sign {folder}/report.json --key FILE --meaning approved

No signature counts from those whose work the run is: {own}. A rejection ends the run, and so does no answer.
"""


class Question(ApprovalOperator):
    """Asks a person whether `what` may be. A rejection fails the task for good, and so does no answer."""

    def __init__(self, *, what: str, **kwargs: Any) -> None:
        super().__init__(defaults=None, **kwargs)
        self.what = what

    def asked(self, context: Context) -> str:
        """What stands in the question, in Markdown."""
        raise NotImplementedError

    def execute(self, context: Context) -> None:
        self.body = self.asked(context)
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        if "error" in event:
            raise AirflowFailException(f"nobody approved {self.what}: {event['error']}")
        if event["chosen_options"] != [self.APPROVE]:
            raise AirflowFailException(f"{name_of(event)} rejected {self.what}")
        return super().execute_complete(context, event)


class Approval(Question):
    """Asks whether the run's model may be registered."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(what="the run", subject="Approve the model of run {{ run_id }}", **kwargs)

    def asked(self, context: Context) -> str:
        return question(workspace_of(context).opened())


class SignedOff(InRun):
    """Ends the run unless a person answered the task `approval` so, and a signature in the ledger counts."""

    def __init__(self, *, approval: str, **kwargs: Any) -> None:
        super().__init__(act=lambda run: run.call("sign-off"), **kwargs)
        self.approval = approval

    def execute(self, context: Context) -> str | None:
        answer = context["ti"].xcom_pull(task_ids=self.approval) or {}
        if answer.get("chosen_options") != [Approval.APPROVE] or not answer.get("responded_by_user"):
            raise AirflowFailException(f"nobody answered {self.approval}, and no answer is no")
        print(f"approved in Airflow by {name_of(answer)}")
        return super().execute(context)


def question(run: Workspace) -> str:
    """What the person is asked, in Markdown: of which report, how to sign it, and whose signature does not count."""
    folder = (run.path / "report").relative_to(run.root)
    open_points = json.loads((run.path / "verdict.json").read_text()).get("needs_signature", ())
    return QUESTION.format(
        run=run.name,
        folder=folder,
        report=folder / "index.html",
        care=f", and with care {', '.join(open_points)}" if open_points else "",
        sha256=digest(run.path / "report" / "report.json"),
        own=", ".join(people(origin_of(run.path))),
    )


def people(origin: Origin) -> list[str]:
    """Who triggered the run, where that was a person, and who wrote its commit."""
    trigger = origin.triggered_by
    return [*([] if isinstance(trigger, Automatic) else [trigger or "whoever triggered it"]), *origin.committed_by]


def name_of(answer: dict[str, Any]) -> str:
    return str((answer["responded_by_user"] or {"name": "nobody"})["name"])

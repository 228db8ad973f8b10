"""Take a rollout forward, one look at a time, and ask a person where the policy says so.

`rollout` looks every 15 minutes: `radassist rollout tick` decides, acts, records, tells the webhook, and puts MLflow's
aliases right. It may be repeated, cleared or killed at any time. Where the rollout waits for a person, `ask` updates an
asset, once a question, and `rollout_approval` puts the question in Airflow. No look waits for the answer.

Airflow knows who clicked, not who it was: what counts is a signature in the ledger, with or without a click. A click
without one fails `signed`, and moves nothing. Both DAGs start paused.
"""

import json
import subprocess
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, Context, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.approval import Question
from dags.wiring import called

QUESTION = Asset(name="rollout_question", uri="x-radassist://rollout/question")  # an event's extra: its sha256
LOOK = timedelta(minutes=15)
ANSWER_TIME = timedelta(days=14)  # the policy's own comes sooner, and ends the rollout
ASKED = """\
Rollout `{id}`: **{candidate}** drafts for {weight:.0%} of the studies, and is {phase}. May it go on?

Look at its page, `var/rollouts/{id}.html`. Sign in the project's root, with your own key, and choose Approve then:

    radassist rollout approve --request {request} --key FILE

No signature counts from those who made the candidate: {makers}. To end the rollout, sign
`radassist rollout abort --key FILE --why WORDS`; a rejection here leaves it to wait for another answer.
"""


def look() -> dict[str, Any]:
    """What one tick of the rollout says, see `pipelines.rollout.tick.Round.said`."""
    done = called("rollout", "tick", "--json", stdout=subprocess.PIPE)
    print(done.stdout)
    if not done.stdout:
        done.check_returncode()
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def question_of(said: dict[str, Any]) -> dict[str, Any] | None:
    """The rollout that waits for an answer, None where none does."""
    rollout: dict[str, Any] | None = said["rollout"]
    return rollout if rollout and rollout["asks"] else None


class Approval(Question):
    """Puts the question that the task `asked_by` found to be the present one."""

    def __init__(self, *, asked_by: str, **kwargs: Any) -> None:
        super().__init__(what="the rollout's next step", subject="A rollout asks for approval", **kwargs)
        self.asked_by = asked_by

    def asked(self, context: Context) -> str:
        rollout = context["ti"].xcom_pull(task_ids=self.asked_by)
        return ASKED.format(**rollout | {"makers": ", ".join(rollout["makers"])})


settings: dict[str, Any] = {
    "catchup": False,
    "is_paused_upon_creation": True,
    "default_args": {"retries": 2, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    "doc_md": __doc__,
    "tags": ["radassist"],
}

with DAG(
    dag_id="rollout",
    description="Look at the open rollout, and take the step that is due",
    schedule=CronTriggerTimetable(
        f"*/{LOOK // timedelta(minutes=1)} * * * *", timezone="UTC", run_immediately=timedelta(0)
    ),
    max_active_runs=1,
    **settings,
):

    @task
    def tick() -> dict[str, Any]:
        return look()

    @task(inlets=[QUESTION], outlets=[QUESTION])
    def ask(said: Any, inlet_events: Any = None, outlet_events: Any = None) -> None:
        """Update the asset, unless its last event was this question."""
        rollout = question_of(said)
        if rollout is None:
            raise AirflowSkipException("the rollout asks nothing")
        told = inlet_events[QUESTION]
        if len(told) and told[-1].extra.get("request") == rollout["request"]:
            raise AirflowSkipException("this has been asked")
        outlet_events[QUESTION].extra = {"request": rollout["request"]}

    @task(retries=0)
    def mirrored(said: Any) -> None:
        """Fail where notices or MLflow's aliases are behind the records; the next look tries again."""
        if said["faults"]:
            raise AirflowFailException("; ".join(said["faults"]))

    said = tick()
    ask(said)
    mirrored(said)

with DAG(
    dag_id="rollout_approval",
    description="Ask a person whether the rollout may go on",
    schedule=[QUESTION],
    max_active_runs=ANSWER_TIME // LOOK,  # one that is answered at a shell keeps its run, and holds no later one back
    **settings,
):

    @task
    def question() -> dict[str, Any]:
        """What is asked now, whatever it was when this run began."""
        rollout = question_of(look())
        if rollout is None:
            raise AirflowSkipException("the rollout asks nothing any more")
        return rollout

    @task
    def signed(asked: Any) -> None:
        """Look again, and fail where no signature took the rollout on from this question: neither hold nor end does."""
        now = look()["rollout"]
        if now["id"] != asked["id"]:
            raise AirflowSkipException(f"rollout {asked['id']} has ended, and {now['id']} has begun")
        if now["step"] == asked["step"] and now["phase"] != "promoted":
            rule = "no signature in the ledger takes it on from this question, and a click alone is none"
            raise AirflowFailException(f"rollout {now['id']} is {now['phase']}: {rule}")
        print(f"rollout {now['id']} is {now['phase']} at {now['weight']:.0%} of the studies")

    asked = question()
    approve = Approval(task_id="approve", asked_by="question", response_timeout=ANSWER_TIME)
    asked >> approve >> signed(asked)

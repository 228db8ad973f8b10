"""`radassist rollout plan` and `simulate`: what a release by a policy can show, before one is begun."""

import argparse

from rich.console import Console
from rich.table import Table

from model.errors import BadInput
from release.evidence import Outcome
from release.plan import Plan, plan
from release.policy import Policy, Step
from release.power import power, studies_needed
from release.simulate import Course, Hospital, naive, shadow, traffic

WANTED = 0.8  # the power that A/B tests are designed for


def add_arguments(parser: argparse.ArgumentParser, runs: int) -> None:
    parser.add_argument("--studies-per-day", type=float, required=True, metavar="N", help="that are drafted for")
    champion = "share of studies in which the champion misses a finding (default 0.04)"
    parser.add_argument("--champion", type=float, default=0.04, metavar="SHARE", help=champion)
    parser.add_argument("--runs", type=int, default=runs, metavar="N", help=f"rollouts a line (default {runs})")


def show_planned(policy: Policy, args: argparse.Namespace) -> None:
    """What `plan` prints."""
    hospital = checked_hospital(args.studies_per_day, args.champion, args.champion, args.runs)
    _show_head(policy, args)
    show_plan(plan(policy, hospital, args.runs), policy, hospital)


def show_simulated(policy: Policy, args: argparse.Namespace) -> None:
    """What `simulate` prints."""
    candidate = args.champion if args.candidate is None else args.candidate
    hospital = checked_hospital(args.studies_per_day, args.champion, candidate, args.runs)
    _show_head(policy, args)
    show_courses(
        {
            "shadow": shadow(policy, hospital, args.runs, args.seed),
            "traffic": traffic(policy, hospital, args.runs, args.seed),
            "naive rule": naive(policy, hospital, args.runs, args.seed),
        }
    )


def _show_head(policy: Policy, args: argparse.Namespace) -> None:
    demo = "DEMO " if policy.demo else ""
    print(f"{demo}policy {args.policy}, sha256 {policy.sha256[:12]}; {args.runs} simulated rollouts a line")


def checked_hospital(studies_per_day: float, champion: float, candidate: float, runs: int) -> Hospital:
    """
    Raises:
        BadInput: a rate, a volume or a number of runs that cannot be.
    """
    for name, share in (("--champion", champion), ("--candidate", candidate)):
        if not 0 <= share <= 0.5:
            raise BadInput(f"{name} {share:g}", "a share of studies with a miss is 0 to 0.5", "give 0.04 for 4 %")
    if not 1 <= studies_per_day <= 1e6:
        raise BadInput(f"--studies-per-day {studies_per_day:g}", "a hospital has 1 to 1e6", "divide a year's by 365")
    if not 1 <= runs <= 100_000:
        raise BadInput(f"--runs {runs}", "runs are 1 to 100,000", "leave it out")
    return Hospital(
        studies_per_day, champion, candidate, shared=0.5 * min(1.0, candidate / champion if champion else 0)
    )


def show_plan(found: Plan, policy: Policy, hospital: Hospital) -> None:
    """The plan as tables, and in one sentence what it comes to."""
    print(
        f"{hospital.studies_per_day:g} studies a day; the champion misses a finding in {hospital.champion:.1%} of them"
    )
    stages = Table("stage", "share", "least", "most", "count reached", "passed", title="A candidate that is no worse")
    for stage in found.stages:
        share = f"{stage.stage.weight:.0%}" if isinstance(stage.stage, Step) else "-"
        least, most = (f"{hours / 24:.1f} d" for hours in (stage.stage.minimum_hours, stage.stage.maximum_hours))
        counted = f"{stage.counted_hours / 24:.1f} d" if stage.can_decide else "too late"
        stages.add_row(stage.name, share, least, most, counted, f"{stage.passed:.0%}")
    columns = ("worse by", "stopped in shadow", "in traffic", "passed there", "studies drafted")
    harms = Table(*columns, title="A candidate that misses more, in shadow, or only where its drafts are seen")
    for harm in found.harms:
        shares = (harm.stopped_in_shadow, harm.stopped_in_traffic, harm.passed_traffic)
        harms.add_row(f"{harm.worse_by:.0%}", *(f"{share:.0%}" for share in shares), f"{harm.exposed:,.0f}")
    console = Console()
    console.print(stages)
    console.print(harms)
    print(comes_to(found))
    print(single_test(policy, hospital))


def comes_to(found: Plan) -> str:
    """
    >>> comes_to(Plan((), None, ()))
    'Nobody gets to full traffic by evidence alone: a person decides on what there is, and signs.'
    """
    if found.median_days is None or found.stages[-1].passed < 0.01:
        return "Nobody gets to full traffic by evidence alone: a person decides on what there is, and signs."
    share, days = found.stages[-1].passed, found.median_days
    return (
        f"Of those that are no worse {share:.0%} get to full traffic by evidence alone, half of them in {days:.0f} d."
    )


def single_test(policy: Policy, hospital: Hospital) -> str:
    """The power of the last step's minimum count, were it looked at once: what an A/B test of that size is worth."""
    step, margin, base = policy.steps[-1], policy.misses.margin, hospital.champion
    drafted, beside = step.minimum_studies, round(step.minimum_studies * (1 - step.weight) / step.weight)
    found = power(base, margin, drafted, beside, policy.alpha)
    needed = studies_needed(base, margin, WANTED, policy.alpha)
    return (
        f"Looked at once, {drafted:,} studies of the candidate and {beside:,} of the champion find misses up by "
        f"{100 * margin:g} in 100 studies with a power of {found:.0%} at alpha {policy.alpha:g}; "
        f"{WANTED:.0%} take {needed:,} an arm."
    )


def show_courses(courses: dict[str, Course]) -> None:
    table = Table("", *Outcome, "days", "drafted", "until stopped")
    for name, course in courses.items():
        stopped = course.mean_exposed(Outcome.FAIL)
        table.add_row(
            name,
            *(f"{course.share(outcome):.2%}" for outcome in Outcome),
            f"{sorted(course.hours)[len(course.hours) // 2] / 24:.1f}",
            f"{course.mean_exposed():,.0f}",
            "-" if stopped is None else f"{stopped:,.0f}",
        )
    Console().print(table)

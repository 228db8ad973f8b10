"""The one program, `radassist`. A DVC stage, an Airflow task and a person at a shell call the same commands.

Exit codes: 0 done, 1 a fault, 2 bad input (one line on standard error), 3 a data set or model that its policy refused,
130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from model.errors import RadAssistError
from pipelines.faults import Fault
from records.errors import RecordsError

COMMANDS: dict[str, tuple[str, str]] = {
    "phantom": ("pipelines.phantom", "write a phantom data set in MIMIC-CXR's layout"),
    "ingest": ("pipelines.ingest", "bring studies in and version them; bring a version back"),
    "pixels": ("pipelines.pixels", "show what the model sees of one DICOM, PNG or JPEG file"),
    "prepare": ("pipelines.prepare", "turn the ingested data set into tensors and a tokenizer"),
    "validate": ("pipelines.validate", "hold the ingested data set against the data policy"),
    "explore": ("pipelines.explore", "describe the ingested data set in figures and tables"),
    "train": ("pipelines.train", "train the reporter"),
    "evaluate": ("pipelines.evaluate", "draft the test split's reports and score them"),
    "errors": ("pipelines.errors", "show where the model fails, in words and attention, with pictures"),
    "audit": ("pipelines.audit", "compare the evaluated figures between groups of patients"),
    "champion": ("pipelines.champion", "bring the figures of the model that is served now, for the gate"),
    "gate": ("pipelines.gate", "hold the figures against the policy"),
    "export": ("pipelines.export", "write the ONNX graphs"),
    "infer": ("pipelines.infer", "draft grounded reports from DICOM files"),
    "parity": ("pipelines.parity", "hold the exported graphs against the trained model"),
    "report": ("pipelines.report_command", "write the validation report; sign one, and verify one"),
    "sign-off": ("pipelines.sign_off", "say whether a run's report is signed so that its model may be registered"),
    "register": ("pipelines.register", "record the run in MLflow and register a model that passed"),
    "rollout": ("pipelines.rollout.command", "release a registered model step by step, by the rollout policy"),
    "lineage": ("pipelines.lineage", "say where a report came from: model, run, commit, data, verdict, traffic weight"),
    "monitor": ("pipelines.monitor_command", "judge a deployed model's stream; replay streams through the rules"),
    "experiment": ("pipelines.experiment", "run a declared grid over seeds and write its table"),
    "label": ("pipelines.label", "label reports with the 14 CheXpert observations"),
    "score": ("pipelines.score", "score candidate reports against references"),
    "compare": ("pipelines.compare", "hold two runs against each other, figure by figure and study by study"),
    "run": ("pipelines.run", "open, advance and close a retraining run in its own worktree"),
    "demo": ("pipelines.demo", "retrain once on the phantom, through Airflow, and show the result"),
    "demo-monitor": ("pipelines.demo_monitor", "plant a drift on the demo's model and watch Airflow ask to retrain"),
    "services": ("pipelines.services", "start, show and stop the local Airflow and MLflow"),
}


def build_parser(wanted: str | None) -> argparse.ArgumentParser:
    """The parser; only the wanted command's module is imported, so that `radassist --help` is instant."""
    parser = argparse.ArgumentParser(
        prog="radassist", description="Retrain, prove and register a grounded chest X-ray report generator."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == wanted:
            stage = import_module(module)
            stage.add_arguments(sub)
            sub.set_defaults(main=stage.main)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    wanted = next((word for word in argv if not word.startswith("-")), None)
    args = build_parser(wanted).parse_args(argv)
    try:
        code: int = args.main(args)
    except (RadAssistError, RecordsError) as error:
        print(f"radassist {args.command}: {error}", file=sys.stderr)
        return 2
    except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
        rule = f"{error.filename}: {error.strerror}; give a path that can be read and written"
        print(f"radassist {args.command}: {rule}", file=sys.stderr)
        return 2
    except Fault as error:
        print(f"radassist {args.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"radassist {args.command}: interrupted", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())

"""Where a training stands, kept so that a kill costs little and changes nothing."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from signal import SIGTERM

import torch  # noqa: TID253
from accelerate import Accelerator
from torch import Tensor  # noqa: TID253
from torch.optim import Optimizer  # noqa: TID253

from model.checkpoint import load_checkpoint, part, random_state, restore, save_checkpoint, set_random_state, weights
from model.reporter import Reporter
from model.training import Running
from pipelines.interruption import Interrupted, Interruption
from pipelines.prepared import Batch


class Course:
    """The epochs behind, the one that is under way, and the best weights so far; the same in every process.

    Args:
        path: the checkpoint. The first process writes it, all go on from it.
        fingerprint: of the data and the parameters; a checkpoint of another one is left aside.
    """

    def __init__(self, path: Path, fingerprint: str, model: Reporter, accelerator: Accelerator) -> None:
        self._path, self._fingerprint, self._model, self._accelerator = path, fingerprint, model, accelerator
        self._found = load_checkpoint(path, fingerprint)
        state = self._found[1] if self._found else {"history": [], "running": {}}
        self.history: list[dict[str, float]] = state["history"]
        self.running = Running(**state["running"])
        self.best: dict[str, Tensor] = {}

    def steps(self, batches: int) -> int:
        """Steps behind, where an epoch has so many batches."""
        return len(self.history) * batches + self.running.steps

    def resume(self, optimizer: Optimizer) -> None:
        """Put weights and moments where the checkpoint has them; without one, begin."""
        self._optimizer = optimizer
        self.best = restore(self._found[0], self._model, optimizer) if self._found else weights(self._model)

    def as_it_was(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The rest of an epoch, drawn from the random state that its steps left."""
        rest = iter(batches)  # draws itself
        if self._found and self.running.steps:
            states = part(self._found[0], "random.")
            if len(states["cpu"]) == self._accelerator.num_processes:  # else dropout differs, and nothing more
                own = {name: rows[self._accelerator.process_index] for name, rows in states.items()}
                set_random_state(own, self._accelerator.device)
        self._found = None
        yield from rest

    @contextmanager
    def kept(self, seconds: float, shown: Callable[[Running], None]) -> Iterator[Callable[[Running], None]]:
        """What an epoch calls after each step: `shown`, then a checkpoint where the last is `seconds` old.

        A signal to stop waits for the end of a step and a checkpoint.
        """
        saved = time.monotonic()
        with Interruption() as interruption:

            def on_step(running: Running) -> None:
                nonlocal saved
                shown(running)
                stop, due = self._any(interruption.received is not None, time.monotonic() - saved >= seconds)
                if stop or due:
                    self.save()
                    saved = time.monotonic()
                if stop:
                    if self._accelerator.is_main_process:
                        where = f"after epoch {len(self.history)} and {running.steps} batches"
                        print(f"stopped {where}; the same command goes on", file=sys.stderr, flush=True)
                    interruption.received = interruption.received or SIGTERM
                    raise Interrupted

            yield on_step

    def save(self) -> None:
        """Write the checkpoint. Every process takes part."""
        states = random_state(self._accelerator.device)
        random = {
            name: self._accelerator.gather(state[None].to(self._accelerator.device)) for name, state in states.items()
        }
        if self._accelerator.is_main_process:
            state = {"fingerprint": self._fingerprint, "history": self.history, "running": asdict(self.running)}
            save_checkpoint(self._path, self._model, self.best, self._optimizer, random, state)

    def close_epoch(self, figures: dict[str, float]) -> None:
        """Add the epoch's line to the history; keep its weights where it is the best."""
        self.history.append(figures)
        self.running = Running()
        if figures["validate_loss"] == min(line["validate_loss"] for line in self.history):
            self.best = weights(self._model)
        self.save()

    def end(self) -> None:
        """The run is done, and nothing is left to go on from."""
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            self._path.unlink(missing_ok=True)

    def _any(self, *asked: bool) -> list[bool]:
        """Whether any process asks, for each question."""
        if self._accelerator.num_processes == 1:
            return list(asked)
        answers = self._accelerator.reduce(torch.tensor(asked, dtype=torch.int32, device=self._accelerator.device))
        return [answer > 0 for answer in answers.tolist()]

"""One recording is verified: what a process of `slmtape cassettes verify` does."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from slmtape import engines, generating
from slmtape.cli.cassettes.journal import Entry
from slmtape.errors import SlmtapeError
from slmtape.generation import Engine
from slmtape.models.files import ModelFiles
from slmtape.stores.cassettes.files import Recorded
from slmtape.verify import Verdict, verify


@dataclass(frozen=True, slots=True)
class Task:
    """A recording to verify with a model's files. `before`: what came of it last time."""

    path: Path
    recorded: Recorded
    files: ModelFiles
    before: Entry | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a task. `made_with` is what its answer now depends on, None: there is none.

    `known`: the answer of last time still depends on the same, so it was not asked for again.
    """

    task: Task
    verdict: Verdict
    made_with: dict[str, str] | None
    known: bool = False


def check(task: Task) -> Checked:
    """Verify the recording. Raises EngineNotInstalled."""
    recording = task.recorded.recording
    engine = _engine(task.files, recording.request.model)
    made_with = _made_with(engine, task)
    if task.before and task.before.made_with == made_with:
        return Checked(task, task.before.verdict, made_with, known=True)
    return Checked(task, verify(recording, engine, lambda _: None), made_with)


def _made_with(engine: Engine, task: Task) -> dict[str, str] | None:
    try:
        made = generating.made_with(engine, task.recorded.recording.request)
    except SlmtapeError:  # asked for an answer, it says so again
        return None
    return {"model": engine.model.sha256, **made}


@cache
def _engine(files: ModelFiles, name: str) -> Engine:
    """The model's engine. One model is in memory at a time: tasks come model by model."""
    return engines.load("llamacpp", files, name, 1)

"""What the tests of these commands share: recordings to look at, and running a command."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click.testing

from slmtape.cli import main
from slmtape.generation import (
    EmbeddingRequest,
    EmbeddingResult,
    GenerationRequest,
    GenerationResult,
    Message,
    Piece,
    Recording,
)
from slmtape.keys import key
from slmtape.stores.cassettes.store import CassetteStore
from tests.support import recording_for, request_for


def run(*arguments: str, width: int = 200) -> click.testing.Result:
    """`slmtape cassettes …` in a terminal of this width."""
    runner = click.testing.CliRunner(env={"COLUMNS": str(width)})
    return runner.invoke(main, ["cassettes", *arguments])


def put(directory: Path, *recordings: Recording) -> list[Path]:
    """Record these; returns where each is."""
    with closing(CassetteStore(directory)) as store:
        for recording in recordings:
            store.put(recording)
    return [path_of(directory, recording) for recording in recordings]


def path_of(directory: Path, recording: Recording) -> Path:
    """Where this is recorded."""
    [path] = directory.rglob(f"*-{recording.key}.json")
    return path


def said(text: str, answer: str, model: str = "echo") -> Recording:
    """A recording of a question and its answer."""
    return answering(replace(request_for(text), model=model), Piece(answer))


def answering(request: GenerationRequest, *pieces: Piece) -> Recording:
    """A recording of an answer in these pieces."""
    recording = recording_for(request)
    result = GenerationResult(
        pieces=pieces, finish_reason="stop", prompt_tokens=12, completion_tokens=3456
    )
    model = replace(recording.model, name=request.model)
    return replace(recording, model=model, result=result)


def embedding(given: str | tuple[int, ...], *vector: float) -> Recording:
    """A recording of an embedding."""
    request = EmbeddingRequest(model="echo", input=given)
    return replace(
        recording_for(request_for()),
        key=key(request),
        request=request,
        result=EmbeddingResult(vector=vector, prompt_tokens=len(given)),
    )


def conversation(*messages: Message, **options: Any) -> GenerationRequest:
    """A request with these messages."""
    return replace(request_for("", **options), messages=messages)

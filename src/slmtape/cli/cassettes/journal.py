"""What a run has verified so far, for the next one to go on with where it was stopped."""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slmtape.contrast import Contrast
from slmtape.stores.cassettes.files import ignore
from slmtape.verify import Outcome, Verdict

logger = logging.getLogger("slmtape")

_NAME = ".verify.tmp"
"""Cassette directories have git ignore what is named like this."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording's verdict, and what the answer that it was compared with depends on."""

    verdict: Verdict
    made_with: Mapping[str, str]


class Journal:
    """A file beside the recordings, a line for each that was verified.

    A recording that was edited since has another digest, and so no entry.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / _NAME
        self._entries: dict[str, Entry] = {}
        self._writable = True
        with suppress(FileNotFoundError):
            for line in self._path.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError, KeyError, TypeError):  # cut off when the run was killed
                    written = json.loads(line)
                    self._entries[written["recording"]] = _entry(written)

    def entry(self, digest: str) -> Entry | None:
        """What is known of the recording whose file has this digest."""
        return self._entries.get(digest)

    def add(self, digest: str, entry: Entry) -> None:
        """Write an entry down at once, so that it outlives a process that is killed."""
        line = json.dumps({"recording": digest, **asdict(entry)})
        ignore(self._path.parent)
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}\n")  # what was cut off stays a line of its own
        except OSError as error:
            if self._writable:
                logger.warning("a run that is stopped will begin anew: %s", error)
            self._writable = False

    def delete(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._path.unlink(missing_ok=True)


def _entry(written: dict[str, Any]) -> Entry:
    verdict = written["verdict"]
    return Entry(
        Verdict(
            outcome=Outcome(verdict["outcome"]),
            differences=tuple(Contrast(**one) for one in verdict["differences"]),
            made_with=tuple(Contrast(**one) for one in verdict["made_with"]),
            why=verdict["why"],
        ),
        written["made_with"],
    )

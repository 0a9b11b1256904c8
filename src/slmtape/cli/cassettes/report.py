"""What came of verifying recordings, as a table and as JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from slmtape.contrast import Contrast
from slmtape.errors import CassetteError
from slmtape.generation import Recording
from slmtape.verify import Outcome, Verdict

_STYLES = {"same": "green", "changed": "red", "can't tell": "yellow", "damaged": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A recording and its verdict; or a file that can't be read, and what is wrong with it."""

    path: Path
    recording: Recording | None
    found: Verdict | CassetteError

    @property
    def outcome(self) -> str:
        """In words that people read."""
        return str(self.found.outcome) if isinstance(self.found, Verdict) else "damaged"

    @property
    def fails(self) -> bool:
        """Whether somebody has to do something."""
        return isinstance(self.found, CassetteError) or self.found.outcome is Outcome.CHANGED

    def lines(self) -> Iterator[str]:
        """What there is to say of it alone."""
        if isinstance(self.found, Verdict):
            return self.found.findings()
        return iter(self.found.message.splitlines())


def show(findings: Sequence[Finding], directory: Path) -> None:
    """A line for each recording; below, what differs, and how many there are of each kind."""
    console = Console(highlight=False)
    if not findings:
        console.print(f"There are no recordings in {directory}.", markup=False, soft_wrap=True)
        return
    console.print(_table(findings, directory))
    for line in (*_details(findings), *_provenance(findings), "", _summary(findings)):
        console.print(line, soft_wrap=True, markup=False)


def _table(findings: Sequence[Finding], directory: Path) -> Table:
    table = Table()
    table.add_column("recording", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    for finding in findings:
        where = escape(finding.path.relative_to(directory).as_posix())
        table.add_row(where, f"[{_STYLES[finding.outcome]}]{finding.outcome}[/]")
    return table


def _details(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        if lines := list(finding.lines()):
            yield from ("", f"{finding.path}: {finding.outcome}", *lines)


def _provenance(findings: Sequence[Finding]) -> Iterator[str]:
    """What recordings were made with: most that differ share what differs."""
    shared = Counter(
        tuple(map(str, finding.found.made_with))
        for finding in findings
        if isinstance(finding.found, Verdict) and finding.found.made_with
    )
    for differences, count in shared.most_common():
        many = "one of them was" if count == 1 else f"{count} of them were"
        yield from ("", f"What {many} made with differs (recorded → now):")
        yield from (f"  {difference}" for difference in differences)


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.outcome for finding in findings)
    told = [f"{counts[outcome]} {outcome}" for outcome in _STYLES if counts[outcome]]
    return f"{len(findings)} recording{'s' * (len(findings) != 1)}: {', '.join(told)}."


def as_json(findings: Sequence[Finding], directory: Path) -> str:
    """The same for programs: README tells what is in it."""
    counts = Counter(_name(finding) for finding in findings)
    names = [*(outcome.value for outcome in Outcome), "damaged"]
    written = {
        "directory": directory.as_posix(),
        "counts": {name: counts[name] for name in names},
        "recordings": [_written(finding) for finding in findings],
    }
    return json.dumps(written, indent=2, ensure_ascii=False)


def _name(finding: Finding) -> str:
    return finding.found.outcome.value if isinstance(finding.found, Verdict) else "damaged"


def _written(finding: Finding) -> dict[str, Any]:
    about: dict[str, Any] = {"recording": finding.path.as_posix(), "outcome": _name(finding)}
    if isinstance(finding.found, CassetteError):
        return {**about, "why": finding.found.message}
    assert finding.recording
    return {
        **about,
        "key": finding.recording.key,
        "model": finding.recording.model.name,
        "why": finding.found.why,
        "differences": _contrasts(finding.found.differences, "generated"),
        "made_with": _contrasts(finding.found.made_with, "now"),
    }


def _contrasts(contrasts: Sequence[Contrast], now: str) -> list[dict[str, Any]]:
    return [{"field": one.path, "recorded": one.before, now: one.after} for one in contrasts]

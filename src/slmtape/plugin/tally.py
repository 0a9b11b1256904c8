"""What servers did for tests, in numbers that processes can hand to each other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from slmtape.call import Call
from slmtape.models.catalogue import MODELS
from slmtape.plugin.estimate import seconds


@dataclass(slots=True)
class TestTally:
    """What one test's servers did.

    `recorded`: the paths of what was newly recorded and kept; `discarded`: how many recordings were
    not. `live`: how many calls a model answered without a recording. `saved`: about how many
    seconds a model would have taken for what was replayed.
    """

    __test__ = False  # no class of tests

    calls: list[dict[str, Any]] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    discarded: int = 0
    replayed: int = 0
    live: int = 0
    saved: float = 0.0

    def merge(self, other: "TestTally") -> None:
        """Add what servers did for the same test elsewhere."""
        for field_ in fields(self):
            mine, theirs = getattr(self, field_.name), getattr(other, field_.name)
            setattr(self, field_.name, mine + theirs)

    def add(self, calls: Iterable[Call], recorded: Sequence[str], discarded: int) -> None:
        """A server's calls, where it recorded what, and how many recordings it discarded."""
        self.recorded += recorded
        self.discarded += discarded
        for call in calls:
            self.calls.append(_told(call))
            if call.source == "cassette":
                self.replayed += 1
                self.saved += sum(seconds(result, _size(call)) for result in call.results)
            elif call.source == "model" and not recorded and not discarded:
                self.live += 1


@dataclass(slots=True)
class Tally:
    """What servers did in a run, or in one of its processes.

    `directories`: those of their recordings. `partial`: why not all tests ran, where they didn't;
    `lost`: how many processes died without telling.
    """

    tests: dict[str, TestTally] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    partial: str = ""
    lost: int = 0

    def test(self, name: str) -> TestTally:
        """What is known of the test with this id."""
        return self.tests.setdefault(name, TestTally())

    def merge(self, told: Mapping[str, Any]) -> None:
        """Add what another process told, as `as_dict` does."""
        for name, test in told["tests"].items():
            self.test(name).merge(TestTally(**test))
        self.directories |= set(told["directories"])
        self.partial = self.partial or told["partial"]

    def as_dict(self) -> dict[str, Any]:
        """In plain values."""
        return {
            "tests": {name: asdict(test) for name, test in self.tests.items()},
            "directories": sorted(self.directories),
            "partial": self.partial,
        }


def _told(call: Call) -> dict[str, Any]:
    return {
        "path": call.path,
        "model": call.model,
        "answered_by": call.source,
        "keys": list(call.keys) if call.source != "stub" else [],
        "fault": call.fault and call.fault.kind,
        "error": call.error and (call.error.code or type(call.error).__name__),
    }


def _size(call: Call) -> float | None:
    known = MODELS.get(call.request.model) if call.request else None
    return None if known is None else known.size

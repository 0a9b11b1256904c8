"""What is told at the end of a run: lines for the terminal, JSON for programs."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from slmtape.errors import CassetteError
from slmtape.modes import Mode
from slmtape.plugin.settings import settings
from slmtape.plugin.stash import DESELECTED
from slmtape.plugin.tally import Tally

_SHOWN = 10
_NARROWING = {
    "keyword": "-k",
    "markexpr": "-m",
    "lf": "--lf",
    "stepwise": "--stepwise",
    "deselect": "--deselect",
    "ignore": "--ignore",
    "ignore_glob": "--ignore-glob",
    "collectonly": "--collect-only",
}
"""Options of pytest that leave out tests, as `config.option` calls them."""


def flag(config: pytest.Config, name: str) -> bool:
    """Whether an option without a value is given, on the command line or in the ini file."""
    ini = f"slmtape_{name.replace('-', '_')}"
    return bool(getattr(config.option, ini) or config.getini(ini))


def partial(session: pytest.Session, exitstatus: int) -> str:
    """Why this run says nothing of what no test needs; "" where all tests ran, and passed."""
    config = session.config
    if settings(config).mode is Mode.LIVE:
        return "mode live replays nothing"
    given = [said for name, said in _NARROWING.items() if getattr(config.option, name, None)]
    if given:
        return f"{given[0]} was given"
    if config.stash.get(DESELECTED, False):
        return "tests were deselected"
    if config.args_source is pytest.Config.ArgsSource.ARGS and not _all(config):
        return "only some paths were given"
    if exitstatus != pytest.ExitCode.OK or session.shouldstop or session.shouldfail:
        return "not all tests passed"
    return ""


def _all(config: pytest.Config) -> bool:
    """Whether the paths that were given are those of all tests."""
    wanted = config.getini("testpaths") or ["."]
    here = config.invocation_params.dir
    given = {(here / path).resolve() for path in config.args}
    return given >= {(config.rootpath / path).resolve() for path in wanted}


def unused(directories: Sequence[str], since: float) -> list[str] | None:
    """Recordings that nobody replayed or made since then; None: there is no telling."""
    from slmtape.stores.cassettes.store import CassetteStore

    found: list[str] = []
    for directory in directories:
        if not Path(directory).is_dir():
            continue
        try:
            store = CassetteStore(Path(directory))
        except CassetteError:
            return None
        try:
            idle = store.unused(since)
        finally:
            store.close()
        if idle is None:
            return None
        found += idle
    return found


def lines(config: pytest.Config, tally: Tally, unused: Sequence[str] | None) -> Iterator[str]:
    """What people read."""
    tests = tally.tests.values()
    recorded = sorted({path for test in tests for path in test.recorded})
    live = {name: test.live for name, test in tally.tests.items() if test.live}
    stubbed = sum(call["answered_by"] == "stub" for test in tests for call in test.calls)
    counts = [
        f"{sum(test.replayed for test in tests)} replayed",
        f"{len(recorded)} recorded",
        f"{sum(live.values())} generated live",
        *([f"{stubbed} stubbed"] if stubbed else []),
        *([] if unused is None else [f"{len(unused)} unused"]),
    ]
    saved = sum(test.saved for test in tests)
    yield f"slmtape: {', '.join(counts)}; about {_duration(saved)} of inference saved"
    yield from _list(config, "newly recorded, to be committed:", recorded)
    told = [f"{name} ({count})" for name, count in live.items()]
    yield from _list(config, "generated live, and not recorded:", told)
    if discarded := sum(test.discarded for test in tests):
        yield f"  not kept of tests that failed: {discarded} (--slmtape-keep-failed keeps them)"
    fails = " (which fails the run: --slmtape-fail-unused)" * flag(config, "fail-unused")
    yield from _list(config, f"unused: no test replays{fails}", unused or [])
    if unused is None and flag(config, "fail-unused"):
        yield f"  unused recordings: there is no telling, because {tally.partial or 'of errors'}"
    if tally.lost:
        yield f"  of {tally.lost} workers that crashed nothing is known"


def _list(config: pytest.Config, what: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"  {what}"
    yield from (f"    {_relative(config, item)}" for item in items[:_SHOWN])
    if len(items) > _SHOWN:
        yield f"    … and {len(items) - _SHOWN} more"


def _relative(config: pytest.Config, item: str) -> str:
    path = Path(item)
    return str(path.relative_to(config.rootpath)) if path.is_relative_to(config.rootpath) else item


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def write(path: Path, tally: Tally, unused: Sequence[str] | None) -> None:
    """The same as JSON. README tells what is in it."""
    told: dict[str, Any] = tally.as_dict()
    tests = tally.tests.values()
    told |= {
        "replayed": sum(test.replayed for test in tests),
        "recorded": sorted({path for test in tests for path in test.recorded}),
        "live": sum(test.live for test in tests),
        "seconds_saved": round(sum(test.saved for test in tests), 3),
        "unused": unused,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

"""What options, ini file and marks say of a server. The command line wins over everything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from slmtape.errors import ConfigurationError
from slmtape.modes import Mode, decide, named

_MARK = ("model", "mode", "cassettes", "aliases")
_MODEL = "smollm2-135m"
_CASSETTES = "cassettes"


class Settings(NamedTuple):
    """How servers are made. `why` the mode is this one, where that is not plain."""

    mode: Mode
    why: str
    cassettes: Path
    rootdir: Path
    model: str
    aliases: Mapping[str, str]

    @property
    def header(self) -> str:
        """A line for pytest's header."""
        why = f" ({self.why})" if self.why else ""
        folder = self.cassettes
        if folder.is_relative_to(self.rootdir):
            folder = folder.relative_to(self.rootdir)
        return f"slmtape: mode {self.mode.value}{why}, cassettes {folder}, model {self.model}"

    def arguments(self) -> dict[str, Any]:
        """What `FakeLLMServer` is made with."""
        return {
            "model_name": self.model,
            "mode": self.mode,
            "cache": self.cassettes,
            "aliases": self.aliases,
        }


def settings(config: pytest.Config, item: pytest.Item | None = None) -> Settings:
    """What holds for this run, and for the marks of this test. Raises UsageError."""
    mark = _marked(item)
    option = config.option
    mode, why = checked_mode(mark.get("mode")), ""
    mode = checked_mode(option.slmtape_mode) or mode
    if mode is None:
        mode, why = _usual_mode(config)
    model = option.slmtape_model or mark.get("model") or config.getini("slmtape_model") or _MODEL
    folder = (
        option.slmtape_cassettes
        or mark.get("cassettes")
        or config.getini("slmtape_cassettes")
        or _CASSETTES
    )
    return Settings(
        mode=mode,
        why=why or ("--slmtape-mode" if option.slmtape_mode else ""),
        cassettes=config.rootpath / folder,
        rootdir=config.rootpath,
        model=model,
        aliases={"*": model} | dict(mark.get("aliases", {})),
    )


def checked_mode(name: str | Mode | None) -> Mode | None:
    """The mode of that name. Raises UsageError where there is none."""
    try:
        return None if name is None else named(name)
    except ConfigurationError as error:
        raise pytest.UsageError(f"slmtape: {error.message}") from error


def _usual_mode(config: pytest.Config) -> tuple[Mode, str]:
    """The mode of a run in which neither the command line nor a mark has one."""
    try:
        mode, why = decide(None, cached=True)
    except ConfigurationError as error:
        raise pytest.UsageError(f"slmtape: {error.message}") from error
    ini = config.getini("slmtape_mode")
    if ini and not why.startswith("SLMTAPE_MODE"):
        return checked_mode(ini) or mode, "slmtape_mode"
    return mode, why


def _marked(item: pytest.Item | None) -> dict[str, Any]:
    """What the marks of a test say; the nearest counts."""
    told: dict[str, Any] = {}
    for mark in item.iter_markers("slmtape") if item else ():
        unknown = [name for name in mark.kwargs if name not in _MARK]
        if mark.args or unknown:
            wrong = ", ".join(map(repr, [*mark.args, *unknown]))
            known = ", ".join(f"{name}=" for name in _MARK)
            raise pytest.UsageError(f"The mark slmtape doesn't know {wrong}. It has {known}.")
        told = dict(mark.kwargs) | told
    return told

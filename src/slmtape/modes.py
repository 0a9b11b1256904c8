"""Record modes, and which one holds where nobody said."""

import os
from enum import StrEnum

from slmtape.errors import ConfigurationError


class Mode(StrEnum):
    """What a server does with a request: see the table of record modes in the README."""

    AUTO = "auto"
    REPLAY = "replay"
    LIVE = "live"
    REWRITE = "rewrite"
    VERIFY = "verify"


_VCR_NAMES = {"none": Mode.REPLAY, "new_episodes": Mode.AUTO}


def named(name: str) -> Mode:
    """The mode of that name, or of what VCR calls it. Raises ConfigurationError."""
    try:
        return _VCR_NAMES.get(name) or Mode(name)
    except ValueError:
        names = ", ".join(mode.value for mode in Mode)
        raise ConfigurationError(f"Unknown mode {name!r}. Modes: {names}.") from None


def decide(given: Mode | str | None, *, cached: bool) -> tuple[Mode, str]:
    """The mode, and why, where that is not plain: `SLMTAPE_MODE` or `CI` said so.

    Raises ConfigurationError where there is no such mode, or where it needs recordings and nothing
    is `cached`.
    """
    if not cached and given is None:
        return Mode.LIVE, ""
    if given is None and (asked := os.environ.get("SLMTAPE_MODE")):
        return named(asked), f"SLMTAPE_MODE={asked}"
    if given is None:
        in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
        return (Mode.REPLAY, "CI is set") if in_ci else (Mode.AUTO, "")
    mode = named(given)
    if mode is not Mode.LIVE and not cached:
        raise ConfigurationError(
            f"The mode {mode.value!r} needs recordings: pass cache='cassettes'."
        )
    return mode, ""

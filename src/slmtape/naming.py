"""The names that models are served by."""

from collections.abc import Mapping, Sequence

from slmtape import models
from slmtape.errors import ConfigurationError
from slmtape.protocols import Served


def named(model_name: str | None, model_names: Sequence[str]) -> dict[str, str]:
    """What was given for each model, by the name it is served by. Raises ConfigurationError."""
    given = [*filter(None, [model_name]), *model_names] or ["smollm2-135m"]
    names: dict[str, str] = {}
    for model in given:
        name = models.served_name(model)
        if names.setdefault(name, model) != model:
            raise ConfigurationError(
                f"{names[name]!r} and {model!r} would both be served as {name!r}."
            )
    return names


def served(given: Mapping[str, str], aliases: Mapping[str, str]) -> Served:
    """Those, and what else clients may call them. Raises ConfigurationError."""
    names = {model: name for name, model in given.items()} | {name: name for name in given}
    for alias, target in aliases.items():
        if target not in names:
            raise ConfigurationError(
                f"The alias {alias!r} stands for {target!r}, which is not served. "
                f"Served: {', '.join(map(repr, given))}."
            )
        if alias in given and names[target] != alias:
            raise ConfigurationError(f"{alias!r} is served itself, and can't stand for {target!r}.")
    others = {alias: names[target] for alias, target in aliases.items() if alias not in given}
    return Served(list(given), others)

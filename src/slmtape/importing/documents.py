"""The text of a file as plain values: YAML, JSON or TOML."""

import json
import re
import tomllib
from functools import cache
from typing import Any

from slmtape.importing import NotThisFormat

_PLAIN = {
    "tag:yaml.org,2002:null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "tag:yaml.org,2002:int": (r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    "tag:yaml.org,2002:float": (
        r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?",
        list("-0123456789"),
    ),
}
"""What is not text where it stands without quotes: as YAML 1.2 has it, not 1.1, for which `no` is
false and `2024-01-01` a date. Both kinds of writers quote whatever one of them would misread."""


def parse(text: str, suffix: str) -> Any:
    """The values in the text of a file with this suffix. Raises NotThisFormat."""
    try:
        match suffix:
            case ".json":
                return json.loads(text)
            case ".toml":
                return tomllib.loads(text)
            case _:
                return _yaml(text)
    except (ValueError, RecursionError) as error:
        raise NotThisFormat(f"It can't be read: {error}".rstrip(".") + ".") from error


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise NotThisFormat(
            "Reading YAML needs PyYAML. Install it with: pip install 'slmtape[import]'"
        ) from error
    try:
        return yaml.load(text, _loader())
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


@cache
def _loader() -> Any:
    import yaml

    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("_Loader", (safe,), {"yaml_implicit_resolvers": {}})
    for tag, (pattern, first) in _PLAIN.items():
        loader.add_implicit_resolver(tag, re.compile(f"(?:{pattern})\\Z"), first)
    return loader

"""Whether JSON values match JSON schemas."""

from typing import Any


def mismatch(value: Any, schema: Any) -> str | None:
    """The first thing that is wrong with a value, and where; None: it matches.

    A schema without `$schema` is taken for one of draft 2020-12.
    """
    # It takes a while to import, and few tests need it.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for

    try:
        kind = validator_for(schema, default=Draft202012Validator)
        error = best_match(kind(schema).iter_errors(value))
    except Exception as failure:  # patterns of another dialect, references that lead nowhere …
        return f"its schema can't be checked: {type(failure).__name__}: {failure}"
    if error is None:
        return None
    where = error.json_path.removeprefix("$").removeprefix(".")
    return f"{where}: {error.message}" if where else str(error.message)

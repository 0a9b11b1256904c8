"""Where recordings are kept. A folder here is one kind of store.

A store is `(path) -> slmtape.generation.Store`.
"""

from importlib import import_module
from pathlib import Path
from typing import cast

from slmtape.generation import Store

STORES = {"cassettes": "slmtape.stores.cassettes.store:CassetteStore"}


def load(store: str, path: Path) -> Store:
    """The store of that name at this path. Raises CassetteError where what is there is damaged."""
    module, _, attribute = STORES[store].partition(":")
    return cast(Store, getattr(import_module(module), attribute)(path))

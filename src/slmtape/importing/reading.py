"""The text of a file, whichever tool wrote it, as recordings, stubs and complaints."""

from collections.abc import Iterator
from pathlib import PurePath

from slmtape.importing import Left, NotThisFormat, aimock, documents, exchanges, vcr
from slmtape.importing.aimock_stubs import Stub
from slmtape.importing.exchanges import Imported

SUFFIXES = (".yaml", ".yml", ".json", ".toml")
"""Of files that may hold something."""


def imported(
    name: str, text: str, model: str, *, lenient: bool
) -> Iterator[Imported | Stub | Left]:
    """What is in a file of this name, as what a server of this model would have recorded.

    `lenient`: see `Served`. Raises NotThisFormat.
    """
    document = documents.parse(text, PurePath(name).suffix)
    if aimock.is_fixtures(document):
        return aimock.imported(document, model)
    if not vcr.is_cassette(document):
        raise NotThisFormat("It is neither a cassette of vcrpy or cassetter nor aimock's fixtures.")
    server = exchanges.server(model, vcr.writer(document), lenient=lenient)
    return server.recordings(vcr.exchanges(document))

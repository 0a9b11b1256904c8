"""Which of many imported recordings are kept: one for each request, and none that can't be."""

from collections.abc import Iterable, Iterator, MutableMapping

from slmtape.generation import Recording, Result
from slmtape.importing import Left
from slmtape.importing.exchanges import Imported
from slmtape.stores.cassettes import recording_file

_EXCERPT = 60


def kept(
    found: Iterable[Imported | Left], known: MutableMapping[str, Result]
) -> Iterator[Recording | Left]:
    """Recordings of what is not `known` by key yet, and complaints; `known` grows.

    An answer that is known already is passed over; another one to the same request is a complaint.
    """
    for one in found:
        if isinstance(one, Left):
            yield one
        elif one.recording.key not in known:
            yield from _sound(one, known)
        elif known[one.recording.key] != one.recording.result:
            yield _complaint(one, "The same request has another answer already, which is kept.")


def _sound(one: Imported, known: MutableMapping[str, Result]) -> Iterator[Recording | Left]:
    try:
        text = recording_file.write(one.recording)
        text.encode()
        whole = recording_file.read(text).result == one.recording.result
    except ValueError as error:
        yield _complaint(one, f"A recording can't hold it: {error}.")
        return
    if not whole:
        yield _complaint(one, "A recording can't hold all of it.")
        return
    known[one.recording.key] = one.recording.result
    yield one.recording


def _complaint(one: Imported, why: str) -> Left:
    text = " ".join(one.recording.request.user_text.split())
    excerpt = text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"
    return Left(one.place, f"the answer to {excerpt!r}", why)

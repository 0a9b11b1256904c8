"""Which of many imported recordings are kept: one for each request, and none that can't be."""

from collections.abc import Iterable, Iterator, MutableMapping

from slmtape.generation import Recording, Result
from slmtape.importing import Left
from slmtape.importing.aimock_stubs import Stub
from slmtape.importing.exchanges import Imported
from slmtape.stores.cassettes import recording_file

_EXCERPT = 60


def kept(
    found: Iterable[Imported | Stub | Left], known: MutableMapping[str, Result]
) -> Iterator[Recording | Imported | Stub | Left]:
    """Recordings of what is not `known` by key yet; `known` grows.

    What is known already comes out as it came in, and so does whatever is no recording. Another
    answer to the same request is a complaint.
    """
    for one in found:
        if not isinstance(one, Imported):
            yield one
        elif one.recording.key not in known:
            yield from _sound(one, known)
        elif known[one.recording.key] == one.recording.result:
            yield one
        else:
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

"""Where a model is on the Hugging Face hub: `owner/repo`, `@revision`, `:file`."""

import re
from dataclasses import dataclass, field

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_ADDRESS = re.compile(
    rf"(?P<repository>{_NAME}/{_NAME})(?:@(?P<revision>[^:@]+))?(?::(?P<file>[^:@]+))?"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A repository, one of its revisions, and the file in it.

    `file` ends in `.gguf`, or is what its name has of the quantisation, such as `Q8_0`; None:
    the best there is.
    """

    repository: str
    revision: str = "main"
    file: str | None = None
    written: str = field(default="", compare=False)
    """How somebody wrote it, for messages."""

    def __str__(self) -> str:
        return self.written or self.name

    @property
    def name(self) -> str:
        """What it is called, whatever its revision, and whichever part of a file is named."""
        file = re.sub(r"-\d{5}-of-\d{5}(?=\.gguf$)", "", self.file) if self.file else None
        return self.repository + (f":{file}" if file else "")

    @property
    def is_exact(self) -> bool:
        """Whether it names a file, not only what kind of file."""
        return self.file is not None and self.file.endswith(".gguf")


def parse(written: str) -> Address | None:
    """The address that is written so; None where it is none."""
    found = _ADDRESS.fullmatch(written)
    if not found or (written.endswith(".gguf") and not found["file"]):
        return None
    return Address(found["repository"], found["revision"] or "main", found["file"], written)

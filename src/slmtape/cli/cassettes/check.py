"""`slmtape cassettes check`: is everything in order that is about to be committed?"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from slmtape.cli.cassettes.finding import Cassette, cassette, key_of
from slmtape.cli.cassettes.leaks import Leak, leaks
from slmtape.cli.cassettes.tables import console
from slmtape.cli.cassettes.texts import Place, texts
from slmtape.cli.options import directory_argument, json_option
from slmtape.cli.visible import counted, visible
from slmtape.generation import Recording


@dataclass(frozen=True, slots=True)
class Finding:
    """What is not in order: a secret and the place where it is, or damage, or a name."""

    path: Path
    kind: str
    told: str
    place: str = ""

    @property
    def is_secret(self) -> bool:
        """Whether somebody has to revoke something."""
        return bool(self.place)


def _expressions(
    ctx: click.Context,  # noqa: ARG001
    param: click.Parameter,  # noqa: ARG001
    given: tuple[str, ...],
) -> list[re.Pattern[str]]:
    try:
        return [re.compile(one) for one in given]
    except re.error as error:
        raise click.BadParameter(f"{error.pattern!r} is no regular expression: {error}.") from error


@click.command()
@directory_argument
@click.option(
    "--allow",
    metavar="REGEX",
    multiple=True,
    callback=_expressions,
    help="What is no secret: values in which this is found. Repeatable.",
)
@json_option
def check(directory: Path, allow: Sequence[re.Pattern[str]], as_json: bool) -> None:
    """Look for damage and for secrets in the recordings of DIR (cassettes).

    Damage is what a server refuses: files that can't be read, have another format or key, or record
    the same request; and names that don't end in the key. Secrets are keys and tokens of known
    services, private keys, passwords, and random values that are called a secret or a token;
    placeholders are none. They are looked for in texts that are put together: also where a message
    has them in several parts, or an answer in several tokens. They are told in part only.

    Exits with 1 where something is found, with 2 where the command was wrong.
    """
    there = cassette(directory)
    findings = [*_damage(there), *_secrets(there, allow)]
    if as_json:
        click.echo(_json(there, findings))
    else:
        _show(there, findings)
    if findings:
        raise SystemExit(1)


def _damage(there: Cassette) -> Iterator[Finding]:
    for path, error in there.damaged.items():
        yield Finding(path, "damaged", error.message)
    for path, recording in there.recordings.items():
        if key_of(path) != recording.key:
            yield Finding(path, "name", f"its name does not end in its key, {recording.key}")


def _secrets(there: Cassette, allow: Sequence[re.Pattern[str]]) -> Iterator[Finding]:
    for path, place in _places(there):
        for leak in leaks(place.text):
            if not any(one.search(leak.secret) for one in allow):
                yield Finding(path, leak.kind, _told(leak), place.path)


def _told(leak: Leak) -> str:
    return f"{leak.shown} ({counted(len(leak.secret), 'character')})"


def _places(there: Cassette) -> Iterator[tuple[Path, Place]]:
    """Every text of every file; of damaged ones what there is."""
    for path, recording in there.recordings.items():
        yield from ((path, place) for place in (*_called(recording), *_tokens(path)))
    for path in there.damaged:
        with suppress(OSError):
            yield path, Place("file", path.read_text(encoding="utf-8", errors="replace"))


def _called(recording: Recording) -> Iterator[Place]:
    """The texts; parameters of other servers with their names, which tell what they are."""
    for place in texts(recording):
        _, extra, name = place.path.partition("extras.")
        yield Place(place.path, f"{name}: {place.text}") if extra else place


def _tokens(path: Path) -> Iterator[Place]:
    """What an answer's tokens make up, which stay in the file when its text is edited."""
    pieces = json.loads(path.read_bytes())["result"].get("logprobs", ())
    said = b"".join(_bytes(token[0]) for tokens in pieces for token in tokens)
    if said:
        yield Place("logprobs", said.decode(errors="replace"))


def _bytes(token: str | list[int]) -> bytes:
    return token.encode() if isinstance(token, str) else bytes(token)


def _show(there: Cassette, findings: Sequence[Finding]) -> None:
    out = console()
    for finding in findings:
        out.print(_line(finding), soft_wrap=True)
    if any(finding.is_secret for finding in findings):
        out.print(
            "\nRevoke what is real: in git it is public. Then have the test say something else, "
            "delete the file and record anew. What is no secret, allow: --allow REGEX."
        )
    if findings:
        out.print()
    out.print(_summary(there, findings), soft_wrap=True)


def _line(finding: Finding) -> Text:
    where = visible(finding.path.as_posix())
    if finding.kind == "damaged":
        return Text(visible(finding.told), style="red")
    if not finding.is_secret:
        return Text.assemble(f"{where}: ", (visible(finding.told), "yellow"))
    kind = (f"{finding.kind} {visible(finding.told)}", "red")
    return Text.assemble(f"{where}: ", (f"{visible(finding.place)}: ", "dim"), kind)


def _summary(there: Cassette, findings: Sequence[Finding]) -> str:
    files = counted(len(there.recordings) + len(there.damaged), "file")
    counts = Counter(
        "secret" if one.is_secret else "damaged file" if one.kind == "damaged" else "wrong name"
        for one in findings
    )
    told = ", ".join(counted(count, what) for what, count in counts.items())
    return f"{files}: {told or 'nothing found'}."


def _json(there: Cassette, findings: Sequence[Finding]) -> str:
    written = {
        "directory": there.directory.as_posix(),
        "files": len(there.recordings) + len(there.damaged),
        "findings": [_written(finding) for finding in findings],
    }
    return json.dumps(written, indent=2, ensure_ascii=False)


def _written(finding: Finding) -> dict[str, Any]:
    return {
        "recording": finding.path.as_posix(),
        "kind": finding.kind,
        "place": finding.place or None,
        "told": finding.told,
    }

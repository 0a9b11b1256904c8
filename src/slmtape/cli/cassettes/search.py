"""`slmtape cassettes search`: where in recordings a text occurs."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from rich.text import Text

from slmtape.cli.cassettes.finding import Cassette, cassette
from slmtape.cli.cassettes.tables import console
from slmtape.cli.cassettes.texts import Place, texts
from slmtape.cli.options import directory_argument, json_option
from slmtape.cli.visible import counted, visible

_AROUND = 40
"""Characters that JSON tells before and after what was found."""
_LEAST = 10
"""Characters that are told of them in the narrowest of terminals."""


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found in a text, and where: `start` and `end` in characters."""

    path: Path
    place: Place
    start: int
    end: int

    @property
    def found(self) -> str:
        """The words that were searched for, as they are there."""
        return self.place.text[self.start : self.end]

    def excerpt(self, length: int) -> tuple[str, str, str]:
        """What was found between what is around it, on each side so many characters at most.

        It is one line, with what can't be seen as what it is called.
        """
        before = _one_line(self.place.text[: self.start][-2 * length :])
        after = _one_line(self.place.text[self.end :][: 2 * length])
        return (
            f"…{before[1 - length :]}" if len(before) > length else before,
            _one_line(self.found),
            f"{after[: length - 1]}…" if len(after) > length else after,
        )


@click.command()
@click.argument("text")
@directory_argument
@click.option("--regex", is_flag=True, help="TEXT is a regular expression, as Python has them.")
@click.option("--case", is_flag=True, help="Tell capitals from small letters.")
@json_option
def search(text: str, directory: Path, regex: bool, case: bool, as_json: bool) -> None:
    """Tell where TEXT occurs in the recordings of DIR (cassettes).

    It is searched for in requests and answers: what was said, thought and returned, the names and
    arguments of tools, schemas. Places are named as in the file's request; `text`, `reasoning`,
    `refusal` and `tool_calls` are those of the answer.

    Exits with 1 where nothing is found or a file is damaged, with 2 where the command was wrong.
    """
    pattern = _pattern(text, regex, case)
    there = cassette(directory)
    hits = list(_hits(there, pattern))
    if as_json:
        click.echo(_json(hits))
    else:
        _show(there, hits)
    for error in there.damaged.values():
        click.echo(visible(error.message), err=True)
    if not hits or there.damaged:
        raise SystemExit(1)


def _pattern(text: str, regex: bool, case: bool) -> re.Pattern[str]:
    try:
        return re.compile(text if regex else re.escape(text), 0 if case else re.IGNORECASE)
    except re.error as error:
        raise click.UsageError(f"{text!r} is no regular expression: {error}.") from error


def _hits(there: Cassette, pattern: re.Pattern[str]) -> Iterator[Hit]:
    for path, recording in there.recordings.items():
        for place in texts(recording):
            for match in pattern.finditer(place.text):
                if match[0]:
                    yield Hit(path, place, *match.span())


def _show(there: Cassette, hits: list[Hit]) -> None:
    out = console()
    for path in dict.fromkeys(hit.path for hit in hits):
        out.print(Text(visible(path.as_posix()), style="bold"), soft_wrap=True)
        for hit in hits:
            if hit.path == path:
                out.print(_line(hit, out.width), soft_wrap=True)
        out.print()
    files = len({hit.path for hit in hits})
    where = counted(len(there.recordings), "recording")
    told = f"{counted(len(hits), 'place')} in {files:,} of {where}." if hits else None
    out.print(told or f"Found nowhere in {where}.", markup=False)


def _line(hit: Hit, width: int) -> Text:
    place = f"  {visible(hit.place.path)}: "
    room = (width - len(place) - len(_one_line(hit.found))) // 2
    before, found, after = hit.excerpt(max(room, _LEAST))
    return Text.assemble((place, "dim"), before, (found, "bold reverse"), after)


def _one_line(text: str) -> str:
    """The text without line breaks; with the spaces that it begins and ends with."""
    return visible(re.sub(r"\s+", " ", text))


def _json(hits: list[Hit]) -> str:
    written = [
        {
            "recording": hit.path.as_posix(),
            "place": hit.place.path,
            "start": hit.start,
            "found": hit.found,
            "excerpt": "".join(hit.excerpt(_AROUND)),
        }
        for hit in hits
    ]
    return json.dumps(written, indent=2, ensure_ascii=False)

"""Cassettes of vcrpy and cassetter, as those tools write them."""

import base64
import gzip
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from slmtape.importing import Exchange, Left, NotThisFormat, documents, vcr

HERE = Path(__file__).parent
BROTLI = {"Content-Encoding": "br"}


def read(name: str) -> list[Exchange]:
    """The exchanges in a file beside this one."""
    document = documents.parse((HERE / name).read_text(encoding="utf-8"), Path(name).suffix)
    found = list(vcr.exchanges(document))
    assert all(isinstance(one, Exchange) for one in found)
    return [one for one in found if isinstance(one, Exchange)]


def interaction(request: Any, body: Any, status: Any = 200, **headers: str) -> dict[str, Any]:
    asked = {"method": "post", "uri": "https://x/v1/y", "body": request, "headers": {}}
    return {"request": asked, "response": {"status": status, "headers": headers, "body": body}}


def one(written: Any) -> Exchange:
    [found] = vcr.exchanges({"interactions": [written]})
    assert isinstance(found, Exchange), found
    return found


def test_what_vcrpy_wrote_is_read() -> None:
    found = read("vcrpy.yaml")
    assert len(found) == 10
    hello, count = found[:2]
    assert hello.method == "POST"
    assert hello.url == "https://api.openai.com/v1/chat/completions"
    assert json.loads(hello.request)["messages"][1]["content"] == "Hello, café!"
    assert json.loads(hello.response)["choices"][0]["message"]["content"].startswith("Hello!")
    assert count.content_type.startswith("text/event-stream")
    assert count.response.endswith(b"data: [DONE]\n\n")
    assert [each.status for each in found] == [200] * 7 + [429, 200, 200]
    assert found[7].retry_after == "7"


@pytest.mark.parametrize("name", ["cassetter.yaml", "cassetter.toml"])
def test_what_cassetter_wrote_is_read_in_the_order_of_time(name: str) -> None:
    day, count, short = read(name)
    assert json.loads(day.request)["messages"][0]["content"] == "2024-01-01"
    assert json.loads(day.request)["temperature"] == 0.00001
    assert b"data: [DONE]" in count.response
    assert json.loads(short.request)["input"] == "12:30"
    document = documents.parse((HERE / name).read_text(encoding="utf-8"), Path(name).suffix)
    assert vcr.writer(document) == "cassetter"


@pytest.mark.parametrize(
    "body",
    [
        {"string": '{"a":1}'},
        {"string": b'{"a":1}'},
        {"base64_string": base64.b64encode(b'{"a":1}').decode()},
        '{"a":1}',
    ],
)
def test_bodies_are_written_in_many_ways(body: Any) -> None:
    assert one(interaction("{}", body)).response == b'{"a":1}'


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b'{"a":1}', mtime=0)),
        ("deflate", zlib.compress(b'{"a":1}')),
        ("deflate, gzip", gzip.compress(zlib.compress(b'{"a":1}'), mtime=0)),
        ("gzip", b'{"a":1}'),
        ("br", b'{"a":1}'),
        ("identity", b'{"a":1}'),
    ],
)
def test_bodies_are_unpacked(encoding: str, packed: bytes) -> None:
    found = one(interaction("{}", {"string": packed}, **{"Content-Encoding": encoding}))
    assert found.response == b'{"a":1}'


def test_bodies_that_were_parsed_are_read_and_their_sorted_schemas_complained_about() -> None:
    asked = {"method": "POST", "uri": "https://x/v1/y", "headers": {}}
    answered = {"status": {"code": 200}, "headers": {}, "parsed_body": {"b": 1}}
    for body, complaints in (({"tools": [{}]}, 1), ({"messages": []}, 0)):
        written = {"request": {**asked, "parsed_body": body}, "response": answered}
        found, *lost = vcr.exchanges({"interactions": [written]})
        assert isinstance(found, Exchange)
        assert (json.loads(found.request), found.response) == (body, b'{"b": 1}')
        assert [isinstance(left, Left) and left.partly for left in lost] == [True] * complaints


def test_what_earlier_versions_wrote_for_httpx_is_read() -> None:
    response = {"status_code": 200, "http_version": "HTTP/1.1", "headers": {}, "content": "{}"}
    request = {"method": "POST", "uri": "https://x/v1/y", "body": "", "headers": {}}
    found = one({"request": request, "response": response})
    assert (found.status, found.response) == (200, b"{}")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({"request": {}}, "'response' is missing"),
        (3, "can't be read"),
        (interaction("{}", {"what": "is this"}), "written in an unknown way"),
        (
            interaction("{}", {"string": b"\x8b"}, **{"Content-Encoding": "br"}),
            "compressed with 'br'",
        ),
        (interaction("{}", {"string": ""}, status={"code": "x"}), "can't be read"),
    ],
)
def test_an_exchange_that_can_not_be_read_is_told(written: Any, why: str) -> None:
    good = interaction("{}", "{}")
    found = list(vcr.exchanges({"interactions": [written, good]}))
    assert isinstance(found[0], Left)
    assert found[0].place == "interaction 1"
    assert why in found[0].why
    assert isinstance(found[1], Exchange)


def test_texts_without_quotes_are_what_both_versions_of_yaml_say() -> None:
    text = "- no\n- 2024-01-01\n- 12:30\n- 010\n- 1_000\n- 0x1F\n- =\n- 'true'"
    assert documents.parse(text, ".yaml") == [
        *("no", "2024-01-01", "12:30", "010", "1_000", "0x1F", "=", "true")
    ]
    assert documents.parse("[true, null, 3, -1, 1.5, 1.0e-05, ~]", ".yml") == [
        *(True, None, 3, -1, 1.5, 1e-05, None)
    ]


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("{", ".json"),
        ("a: [", ".yaml"),
        ("!!python/object/apply:os.system ['true']", ".yaml"),
        ("a = ", ".toml"),
        ("[" * 10_000, ".json"),
    ],
)
def test_a_text_that_is_none_of_these_is_told(text: str, suffix: str) -> None:
    with pytest.raises(NotThisFormat, match=r"^It can't be read: .*\.$"):
        documents.parse(text, suffix)


def test_without_pyyaml_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(NotThisFormat, match=r"pip install 'slmtape\[import\]'"):
        documents.parse("a: 1", ".yaml")
    assert documents.parse('{"a": 1}', ".json") == {"a": 1}

"""Images, audio and files as lines of text."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.errors import RequestError
from slmtape.protocols import Served
from slmtape.protocols.openai import media

DIGEST = "2 bytes, sha256 8f434346648f6b96"
"""Of the bytes "hi"."""


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("https://a.example/cat.png?x=1", "[image: https://a.example/cat.png?x=1]"),
        ("data:image/png;base64,aGk=", f"[image: image/png, {DIGEST}]"),
        ("data:image/png;name=x;base64,aGk=", f"[image: image/png, {DIGEST}]"),
        ("data:,%68i", f"[image: text/plain, {DIGEST}]"),
    ],
)
def test_an_image_is_a_line(url: str, line: str) -> None:
    assert media.image("p", url=url) == line


def test_audio_is_a_line() -> None:
    assert media.audio("p", data="aGk=", form="wav") == f"[audio: wav, {DIGEST}]"


def test_a_file_is_a_line_of_all_that_is_told_of_it() -> None:
    assert media.file("p", name="a\nb.txt", data="aGk=") == f"[file: a b.txt, {DIGEST}]"
    assert media.file("p", data="data:text/plain;base64,aGk=") == f"[file: text/plain, {DIGEST}]"
    assert media.file("p", file_id="file-1") == "[file: file-1]"
    assert media.file("p", url="https://a.example/x") == "[file: https://a.example/x]"
    assert media.image("p", file_id="file-1") == "[image: file-1]"


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_different_images_are_different_lines(one: bytes, other: bytes) -> None:
    lines = [
        media.image("p", url=f"data:image/png;base64,{base64.b64encode(data).decode()}")
        for data in (one, other)
    ]
    assert (lines[0] == lines[1]) == (one == other)
    assert "\n" not in lines[0]


@pytest.mark.parametrize("url", ["", "cat.png", "ftp://x", "https://", "http://a b", "data:x"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(RequestError, match="Expected a valid URL") as caught:
        media.image("p.url", url=url)
    assert (caught.value.param, caught.value.code) == ("p.url", "invalid_value")


@pytest.mark.parametrize("data", ["a", "a b=", "é", "aGk"])
def test_what_is_no_base64_is_refused(data: str) -> None:
    with pytest.raises(RequestError, match="Expected base64-encoded data"):
        media.audio("p.data", data=data, form="wav")
    with pytest.raises(RequestError, match="Expected base64-encoded data"):
        media.image("p.url", url=f"data:image/png;base64,{data}")


def test_what_says_nothing_is_missing() -> None:
    with pytest.raises(RequestError, match=r"'p\.file_id'"):
        media.file("p", name="a.txt")
    with pytest.raises(RequestError, match="'p'"):
        media.image("p")


def test_media_are_refused_where_the_server_says_so() -> None:
    media.check(Served(["echo"], {}), "image_url", "messages[0].content[1]")
    refusing = Served(["echo"], {}, media="refuse")
    with pytest.raises(RequestError, match="image_url is only supported by certain") as caught:
        media.check(refusing, "image_url", "messages[0].content[1]")
    assert caught.value.param == "messages[0].content[1].type"

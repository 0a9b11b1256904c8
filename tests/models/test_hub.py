"""Downloads, with huggingface_hub's own client from a hub on loopback."""

import errno
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slmtape.errors import ModelError
from slmtape.models.catalogue import MODELS, OnHub
from slmtape.models.files import ModelFiles, digest
from slmtape.models.hub.address import Address, parse
from slmtape.models.progress import Progress
from tests.models import standin
from tests.models.standin import COMMIT, Content

pytestmark = pytest.mark.live  # huggingface_hub is in the extra

SMALL = Content(20_000_000)
FILE = "tiny-Q4_K_M.gguf"
REPOSITORY = {FILE: SMALL, "tiny-Q8_0.gguf": Content(1000), "README.md": Content(10)}
ADDRESS = Address("owner/tiny", file=FILE)


@pytest.fixture
def hub() -> Iterator[standin.Hub]:
    with standin.serving(standin.Hub({"owner/tiny": dict(REPOSITORY)})) as serving:
        yield serving


@pytest.fixture
def client(hub: standin.Hub, tmp_path: Path) -> Any:
    """The code under test, with a cache of its own."""
    from slmtape.models.hub.downloading import Hub

    return Hub(hub.url, tmp_path / "hub", tmp_path / "assets")


def get(client: Any, address: Address = ADDRESS) -> ModelFiles:
    files: ModelFiles = client.download(address, lambda _: None)
    return files


def left(client: Any) -> list[str]:
    """Files in the cache that take room."""
    paths = (client.cache / "models--owner--tiny").rglob("*")
    return [path.name for path in paths if path.is_file() and path.stat().st_size > 100]


def test_a_file_arrives_and_is_found_again_without_a_question(
    client: Any, hub: standin.Hub
) -> None:
    assert client.cached(ADDRESS) is None
    files = get(client)
    assert (files.path.name, files.size) == (FILE, SMALL.size)
    assert digest(files.path) == SMALL.sha256 == files.sha256()
    asked = len(hub.asked)
    assert client.cached(ADDRESS) == files
    assert client.checked(ADDRESS, files) == files
    assert len(hub.asked) == asked


def test_progress_is_told_from_the_beginning_to_the_end(client: Any) -> None:
    told: list[Progress] = []
    client.download(ADDRESS, told.append)
    assert {progress.file for progress in told} == {FILE}
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert told[0].done < told[-1].done == told[-1].total == SMALL.size


def test_without_a_file_the_hub_is_asked_which(client: Any) -> None:
    assert get(client, Address("owner/tiny")).path.name == FILE
    assert get(client, Address("owner/tiny", file="q8_0")).path.name == "tiny-Q8_0.gguf"
    assert client.cached(Address("owner/tiny")).path.name == FILE


def test_a_revision_is_kept_apart(client: Any) -> None:
    pinned = Address("owner/tiny", COMMIT, FILE)
    assert get(client, pinned).path.parent.name == COMMIT
    assert client.cached(pinned)
    assert client.cached(ADDRESS) is None


def test_all_parts_of_a_split_file_arrive(client: Any, hub: standin.Hub) -> None:
    names = [f"q4/big-Q4_K_M-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    contents = [Content(1000 + number) for number in range(3)]
    hub.files["owner/tiny"] = dict(zip(names, contents, strict=True))
    for wanted in (None, "Q4_K_M", names[1]):
        files = get(client, Address("owner/tiny", file=wanted))
        assert [path.name for path in files.paths] == [Path(name).name for name in names]
        assert files.digests == tuple(content.sha256 for content in contents)
        assert files.sha256() not in files.digests
        assert files.size == 3003


def test_a_damaged_file_is_refused_and_comes_whole_the_next_time(
    client: Any, hub: standin.Hub
) -> None:
    hub.damage = True
    with pytest.raises(ModelError, match=f"{FILE} arrived damaged"):
        get(client)
    assert client.cached(ADDRESS) is None
    assert left(client) == []
    hub.damage = False
    assert get(client).sha256() == SMALL.sha256


def test_a_truncated_file_is_refused(client: Any, hub: standin.Hub) -> None:
    hub.short = 100
    with pytest.raises(ModelError, match="could not be downloaded; try again"):
        get(client)
    assert client.cached(ADDRESS) is None
    assert left(client) == []


def test_a_download_that_is_cut_off_goes_on_where_it_was(client: Any, hub: standin.Hub) -> None:
    hub.cut_after = 15_000_000
    files = get(client)
    assert digest(files.path) == SMALL.sha256
    first, second = hub.downloads()
    assert "bytes=" not in first
    assert int(second.rpartition("bytes=")[2].rstrip("-")) > 0


def test_a_file_that_was_damaged_on_disk_is_noticed(client: Any) -> None:
    files = get(client)
    with files.path.resolve().open("r+b") as file:
        file.seek(1000)
        file.write(b"rust")
    with pytest.raises(ModelError, match="arrived damaged"):
        client.checked(ADDRESS, files)
    assert client.cached(ADDRESS) is None


def test_a_file_is_read_for_its_digest_once(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = get(client)
    monkeypatch.setattr("slmtape.models.hub.downloading.digest", lambda path: "unread")
    assert client.checked(ADDRESS, files) == files


def test_removing_frees_a_file_and_leaves_its_neighbours(client: Any) -> None:
    get(client)
    other = get(client, Address("owner/tiny", file="tiny-Q8_0.gguf"))
    assert client.remove(ADDRESS) == SMALL.size
    assert client.cached(ADDRESS) is None
    assert other.path.is_file()
    assert client.remove(ADDRESS) == 0


def test_a_cache_behind_a_link_is_the_same_cache(hub: standin.Hub, tmp_path: Path) -> None:
    from slmtape.models.hub.downloading import Hub

    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    linked = Hub(hub.url, tmp_path / "link" / "hub", tmp_path / "assets")
    get(linked)
    assert linked.remove(ADDRESS) == SMALL.size
    assert linked.cached(ADDRESS) is None


def test_without_links_in_the_cache_a_download_is_checked_all_the_same(
    client: Any, hub: standin.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.are_symlinks_supported", lambda _: False)
    hub.damage = True
    with pytest.raises(ModelError, match="arrived damaged"):
        get(client)
    assert client.cached(ADDRESS) is None
    hub.damage = False
    assert get(client).sha256() == SMALL.sha256


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("owner/none", "There is no repository owner/none at http"),
        ("owner/tiny@v9", "The repository owner/tiny has no revision 'v9'"),
        ("owner/tiny:other.gguf", f"no file for 'other.gguf'. It has: {FILE}, tiny-Q8_0.gguf"),
        ("owner/tiny:Q2_K", "no file for 'Q2_K'"),
    ],
)
def test_what_does_not_exist_is_told(client: Any, address: str, words: str) -> None:
    parsed = parse(address)
    assert parsed
    with pytest.raises(ModelError) as told:
        get(client, parsed)
    assert words in told.value.message


def test_a_repository_without_a_model_says_so(client: Any, hub: standin.Hub) -> None:
    hub.files["owner/tiny"] = {"mmproj-F16.gguf": Content(9), "model.safetensors": Content(9)}
    with pytest.raises(ModelError, match="no GGUF file that is a model"):
        get(client, Address("owner/tiny"))


def test_a_gated_repository_asks_for_a_token(
    client: Any, hub: standin.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "hf_right"
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(
        ModelError, match=r"is gated: accept its terms at .*owner/tiny, then set HF"
    ):
        get(client)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert get(client).sha256() == SMALL.sha256  # the stand-in sees that it goes to no other host


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "or unset a wrong one"),
        (403, "Set HF_TOKEN to a token that may read it"),
        (429, "too many requests. Wait a while"),
        (500, "Try again later"),
    ],
)
def test_a_refusing_hub_is_told(client: Any, hub: standin.Hub, status: int, words: str) -> None:
    hub.refuse = (status, {})
    with pytest.raises(ModelError) as told:
        get(client)
    assert words in told.value.message


def test_a_hub_that_is_not_there_is_told(tmp_path: Path, hub: standin.Hub) -> None:
    from slmtape.models.hub.downloading import Hub

    away = Hub("http://127.0.0.1:9", tmp_path / "hub", tmp_path / "assets")
    with pytest.raises(ModelError) as told:
        get(away)
    assert "owner/tiny:tiny-Q4_K_M.gguf is not in the cache" in told.value.message
    assert "http://127.0.0.1:9 can't be reached" in told.value.message
    assert "slmtape models pull owner/tiny:tiny-Q4_K_M.gguf" in told.value.message
    pinned = parse(f"owner/tiny@{COMMIT}:{FILE}")
    assert pinned
    with pytest.raises(ModelError, match=f"slmtape models pull owner/tiny@{COMMIT}:{FILE}"):
        get(away, pinned)


def test_a_disk_that_is_too_small_is_told_before_the_download(
    client: Any, hub: standin.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = Content(10**18)
    vars(huge)["sha256"] = "0" * 64
    hub.files["owner/tiny"][FILE] = huge
    with pytest.raises(ModelError, match=r"takes 1,000,000,000,000 MB, and the disk of .* MB left"):
        get(client)
    assert hub.downloads() == []


def test_a_cache_that_can_not_be_written_to_is_told(hub: standin.Hub, tmp_path: Path) -> None:
    from slmtape.models.hub.downloading import Hub

    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match=r"can't be written to .* Set HF_HOME to a folder of"):
        get(Hub(hub.url, tmp_path / "file" / "hub", tmp_path / "assets"))


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "is full. Free some of it"), (errno.EACCES, "can't be written to")],
)
def test_what_the_disk_says_in_the_middle_is_told(number: int, words: str, tmp_path: Path) -> None:
    from slmtape.models.hub.complaints import told

    with pytest.raises(ModelError, match=words), told(ADDRESS, "http://hub", tmp_path):
        raise OSError(number, os.strerror(number))


# By its short name, as a user of the command line has it: a process, with a cache of its own.


def command(
    hub: standin.Hub, home: Path, *arguments: str, **environment: str
) -> "subprocess.Popen[str]":
    known = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "COLUMNS": "200"}
    return subprocess.Popen(
        [sys.executable, "-m", "slmtape", "models", *arguments],
        env={**os.environ, **known, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    hub: standin.Hub, home: Path, *arguments: str, fails: bool = False, **environment: str
) -> str:
    """What the command prints; what it complains of, where it is to fail."""
    with command(hub, home, *arguments, **environment) as process:
        out, complaints = process.communicate(timeout=120)
    assert process.returncode == int(fails), complaints
    assert "Traceback" not in complaints
    return complaints if fails else out


KNOWN = {name: model.origin for name, model in MODELS.items() if isinstance(model.origin, OnHub)}
SMALLEST = min(KNOWN, key=lambda name: MODELS[name].least)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.nightly] * (name != SMALLEST)) for name in KNOWN],
)
def test_a_model_that_is_known_by_name_arrives_and_is_large_enough(
    name: str, tmp_path: Path
) -> None:
    origin, least = KNOWN[name], MODELS[name].least
    files = {origin.repository: {origin.file: Content(least)}}
    with standin.serving(standin.Hub(files, commit=None)) as hub:
        said = run(hub, tmp_path, "pull", name)
    path = Path(said.rpartition(", ")[2].strip())
    assert (path.name, path.stat().st_size) == (origin.file, least)
    assert path.parent.name == origin.revision
    shutil.rmtree(tmp_path)


def test_a_known_model_of_another_size_is_refused(hub: standin.Hub, tmp_path: Path) -> None:
    known = MODELS["gemma-3-270m"]
    assert isinstance(known.origin, OnHub)
    hub.commit = known.origin.revision
    hub.files = {known.origin.repository: {known.origin.file: Content(1000)}}
    complaint = run(hub, tmp_path, "pull", "gemma-3-270m", fails=True)
    assert "has 1,000 bytes. As 'gemma-3-270m' it should have between 135,000,000" in complaint


def test_processes_that_ask_at_once_download_once(hub: standin.Hub, tmp_path: Path) -> None:
    hub.hold = threading.Event()
    both = [command(hub, tmp_path, "pull", f"owner/tiny:{FILE}") for _ in range(2)]
    hub.wait_for("HEAD", 2)
    hub.hold.set()
    for one in both:
        complaints = one.communicate(timeout=60)[1]
        assert one.returncode == 0, complaints
    assert len(hub.downloads()) == 1


def test_offline_the_cache_answers_and_nothing_else(hub: standin.Hub, tmp_path: Path) -> None:
    exact = f"owner/tiny:{FILE}"
    complaint = run(hub, tmp_path, "pull", "gemma-3-1b", fails=True, HF_HUB_OFFLINE="1")
    assert "`slmtape models pull gemma-3-1b`" in complaint  # that revision, and no other
    complaint = run(hub, tmp_path, "pull", exact, fails=True, HF_HUB_OFFLINE="1")
    assert re.search(r"is not in the cache .* HF_HUB_OFFLINE forbids to download it", complaint)
    assert hub.asked == []
    run(hub, tmp_path, "pull", exact)
    asked = len(hub.asked)
    for known in (exact, "owner/tiny"):
        for verb in ("path", "pull"):
            assert run(hub, tmp_path, verb, known, HF_HUB_OFFLINE="1").strip().endswith(FILE)
    assert len(hub.asked) == asked


def test_a_hub_that_asks_to_wait_is_not_needed_for_what_is_in_the_cache(
    hub: standin.Hub, tmp_path: Path
) -> None:
    run(hub, tmp_path, "pull", "owner/tiny")
    hub.refuse = (429, {})
    assert run(hub, tmp_path, "pull", "owner/tiny").strip().endswith(FILE)

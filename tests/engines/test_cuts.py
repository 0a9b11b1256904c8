"""No number depends on where a prompt was cut, whatever numbers its model is made of."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from slmtape.engines.llamacpp.context import Context
    from slmtape.engines.llamacpp.weights import Weights

pytestmark = pytest.mark.live

KINDS = [
    *("f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0"),
    *("q2_k", "q3_k_m", "q4_k_m", "q5_k_m", "q6_k", "iq4_xs"),
    *("experts-q4_k_m", "experts-iq4_xs"),
    *("sliding-q8_0", "sliding-q4_k_m"),
    *("recurrent-q8_0", "hybrid-q4_k_m"),
]
OTHERS = ("experts", "sliding", "recurrent", "hybrid")
SHARED = (15, 33, 64, 130, 251)
"""Tokens with which two prompts begin."""
ENDS = (0, 1, 5, 9, 20)
"""Tokens with which one of them ends."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models of 32 bits, by architecture."""
    from tests.engines.numbers import ARCHITECTURES, write

    folder = tmp_path_factory.mktemp("numbers")
    return {name: write(folder / f"{name}.gguf", name) for name in ARCHITECTURES}


@pytest.fixture
def weights(
    request: pytest.FixtureRequest, sources: dict[str, Path], tmp_path: Path
) -> Iterator["Weights"]:
    """A model of the kind of numbers, and before a dash the architecture, that are asked for."""
    from slmtape.engines.llamacpp.weights import Weights
    from tests.engines.numbers import in_kind

    architecture, _, kind = request.param.rpartition("-")
    model = sources[architecture or "dense"]
    weights = Weights(in_kind(model, tmp_path / f"{kind}.gguf", kind))
    yield weights
    weights.close()


def numbers(context: "Context", prompt: Sequence[int]) -> tuple[bytes, bytes]:
    """What follows a prompt, and what follows that."""
    context.read(prompt, len(prompt) + 1, lambda: None)
    first = context.logits().tobytes()
    context.evaluate([7])
    return first, context.logits().tobytes()


@pytest.mark.parametrize("weights", KINDS, indirect=True)
def test_what_is_kept_of_another_prompt_changes_no_number(weights: "Weights") -> None:
    from tests.engines.cold import cold

    changed = []
    with cold(weights) as used, cold(weights) as other:
        for case, (shared, end) in enumerate(product(SHARED, ENDS)):
            tokens = Random(case).choices(range(weights.size), k=shared + 40)
            begins = [case, *tokens[:shared]]  # as no other case does
            numbers(used, begins + tokens[shared:])
            prompt = begins + tokens[:end]
            if numbers(used, prompt) != numbers(other, prompt):
                changed.append((shared, end))
    assert not changed


@pytest.mark.parametrize(
    ("weights", "most"),
    [("q4_k_m", 2000), ("sliding-f16", 48), ("sliding-q4_k_m", 48)],  # as much as it looks back
    indirect=["weights"],
)
def test_what_is_kept_elsewhere_meanwhile_changes_no_number(weights: "Weights", most: int) -> None:
    from tests.engines.cold import cold

    with cold(weights) as used, cold(weights) as other:
        for length in (40, 130, 200, 301, 1100):
            begins = Random(length).choices(range(weights.size), k=length)
            numbers(used, [*begins, 1])
            numbers(used, range(100))
            prompt = [*begins, *range(20)]
            assert used.keep(prompt, len(prompt) + 1) == min(length, most) // 4 * 4
            assert numbers(used, prompt) == numbers(other, prompt)


@pytest.mark.parametrize("weights", ["f16"], indirect=True)
def test_no_room_is_made_for_the_little_that_a_long_prompt_shares(weights: "Weights") -> None:
    from tests.engines.cold import cold

    long = Random(1).choices(range(weights.size), k=1500)
    with cold(weights) as used:
        used.read(long, len(long), lambda: None)
        used.close(keep=True)  # it is kept elsewhere
        assert used.keep([*long[:8], *[1] * 40], 100) == 0
        assert not used.holds(len(long))
        assert used.keep([*long[:800], *[1] * 40], 900) == 800


@pytest.mark.parametrize("weights", ["q4_k_m", *(f"{name}-f16" for name in OTHERS)], indirect=True)
def test_more_room_changes_no_number(weights: "Weights") -> None:
    from tests.engines.cold import cold

    for length in (200, 261, 300):
        told = []
        for room in (1024, 4096):
            with cold(weights) as context:
                context.read([*range(length), *range(9, 29)], room, lambda: None)
                context.read(range(length + 20), room, lambda: None)
                while not context.holds(4096):
                    context.grow()
                context.evaluate(range(100))
                told.append(context.logits().tobytes())
        assert told[0] == told[1]


@pytest.mark.parametrize("weights", ["f16"], indirect=True)
def test_whole_chunks_that_prompts_share_are_kept_and_enough_for_a_batch_is_left(
    weights: "Weights",
) -> None:
    from slmtape.engines.llamacpp.space import CHUNK, LEAST
    from tests.engines.cold import cold

    shared = list(range(3 * LEAST))
    rest = [101] * LEAST
    prompts = {
        "nothing": (shared + [100] * LEAST, 0),
        "all that is shared": (shared + rest, len(shared)),
        "not so much that the rest would be too small": (shared + [102] * 5, 2 * LEAST + CHUNK),
        "what is shared of a chunk": (shared[:-1] + [103] * LEAST, len(shared) - CHUNK),
        "little": (shared[: CHUNK + 1] + [104] * LEAST, CHUNK),
        "nothing of a short prompt": (shared[:LEAST], 0),
        "nothing where nothing is shared": ([105] * 70, 0),
        "what another one has forgotten": (shared + rest, len(shared)),
    }
    with cold(weights) as used:
        for what, (prompt, kept) in prompts.items():
            assert (what, used.keep(prompt, 256)) == (what, kept)
            used.read(prompt, 256, lambda: None)


@pytest.mark.parametrize("weights", ["f16"], indirect=True)
@pytest.mark.parametrize(
    ("shared", "end", "kept"), [(400, 24, 400), (400, 100, 500), (40, 24, 64), (0, 24, 24)]
)
def test_the_end_of_a_prompt_is_kept_elsewhere_if_it_is_not_the_least_of_it(
    weights: "Weights", shared: int, end: int, kept: int
) -> None:
    from tests.engines.cold import cold

    begins, rest = list(range(shared)), [7] * 16
    first = [*begins, *[100] * end, *rest]
    with cold(weights) as used:
        used.read(first, 600, lambda: None)
        used.read([*begins, *[101] * end, *rest], 600, lambda: None)
        assert used.keep(first, 600) == kept


@pytest.mark.parametrize("weights", ["f16"], indirect=True)
def test_what_was_evaluated_in_small_batches_is_not_kept(weights: "Weights") -> None:
    from slmtape.engines.llamacpp.space import CHUNK, LEAST
    from tests.engines.cold import cold

    prompt, forced = list(range(2 * LEAST)), [7] * CHUNK
    longer = [*prompt, *forced * 2, *prompt]
    with cold(weights) as used:
        used.read(prompt, 256, lambda: None)
        used.evaluate(forced)
        used.evaluate(forced)
        assert used.keep(longer, 256) == len(prompt)


@pytest.mark.parametrize(
    "weights", ["experts-q8_0", "recurrent-q8_0", "hybrid-q8_0"], indirect=True
)
def test_what_experts_or_recurrent_layers_have_evaluated_is_not_kept(weights: "Weights") -> None:
    from tests.engines.cold import cold

    with cold(weights) as used:
        for _ in range(2):
            assert used.keep(range(100), 256) == 0
            used.read(range(100), 256, lambda: None)


@pytest.mark.parametrize("kept", [0, 4, 16, 112])
def test_no_batch_is_small_unless_the_prompt_is(kept: int) -> None:
    from slmtape.engines.llamacpp.context import batches
    from slmtape.engines.llamacpp.space import BATCH, CHUNK, LEAST

    for length in range(kept + LEAST, kept + 5 * BATCH):
        prompt = range(length)
        parts = list(batches(prompt, kept))
        assert [token for part in parts for token in part] == list(prompt[kept:])
        assert all(LEAST <= len(part) <= BATCH for part in parts)
        assert not any(part[0] % CHUNK for part in parts)

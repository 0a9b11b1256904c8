"""A conversation keeps every word, whatever roles a chat template takes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.engines.llamacpp.roles import Roles, in_roles
from slmtape.engines.llamacpp.template import ChatTemplate
from slmtape.generation import Message, ToolCall

EVERY = Roles(system=True, later_system=True, any_order=True)
FEW = Roles(system=False, later_system=False, any_order=False)
CALL = ToolCall("now", "{}", "x")
SYSTEM, USER, ASSISTANT = (Message(role, role.upper()) for role in ("system", "user", "assistant"))

contents = st.integers(0, 99).map(str)
messages = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), contents), max_size=8
).map(tuple)


@given(messages, st.builds(Roles, st.booleans(), st.booleans(), st.booleans()))
def test_every_word_stays_and_in_order(given: tuple[Message, ...], roles: Roles) -> None:
    plain = in_roles(given, roles)
    words = [one for message in plain for one in message.content.split("\n\n") if one]
    assert words == [message.content for message in given]
    assert roles.system or not plain or plain[0].role != "system"
    assert roles.later_system or not any(message.role == "system" for message in plain[1:])
    if not roles.any_order:
        turns = [message.role for message in plain if message.role != "system"]
        assert turns[0] == "user"
        if not roles.later_system:
            assert all(one != other for one, other in pairwise(turns))


@given(messages)
def test_a_conversation_that_is_taken_stays_as_it_is(given: tuple[Message, ...]) -> None:
    assert in_roles(given, EVERY) == given


def test_calls_and_results_are_messages_of_their_own() -> None:
    turns = (
        USER,
        Message("assistant", "", tool_calls=(CALL,)),
        Message("tool", "noon", tool_call_id="x"),
        Message("tool", "one", tool_call_id="x"),
        ASSISTANT,
    )
    assert in_roles(turns, FEW) == turns


def test_instructions_are_at_the_head_of_what_the_user_says() -> None:
    [told] = in_roles((SYSTEM, Message("system", "more"), USER), FEW)
    assert told == Message("user", "SYSTEM\n\nmore\n\nUSER")
    assert in_roles((SYSTEM, ASSISTANT), FEW) == (Message("user", "SYSTEM"), ASSISTANT)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "{% for m in messages %}{{ m.role[0] }}{{ m.content }} {% endfor %}",
            "sone utwo athree s4 ",
        ),
        (
            "{% for m in messages %}{% if loop.first or m.role != 'system' %}"
            "{{ m.role[0] }}{{ m.content }} {% endif %}{% endfor %}",
            "sone utwo athree u4 ",
        ),
        (
            "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}"
            "{% endif %}{{ m.role[0] }}{{ m.content }} {% endfor %}",
            "uone\n\ntwo athree u4 ",
        ),
    ],
)
def test_a_template_is_asked_for_what_it_takes(source: str, told: str) -> None:
    turns = (
        *(Message("system", "one"), Message("user", "two")),
        *(Message("assistant", "three"), Message("system", "4")),
    )
    assert ChatTemplate(source, bos="", eos="").render(turns) == told

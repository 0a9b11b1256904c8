"""Through LangChain: chat models, structured output, agents, embeddings."""

import asyncio
import math
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRequest, wrap_model_call
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import DefaultHttpxClient
from pydantic import BaseModel, Field

from slmtape import FakeLLMServer

pytestmark = pytest.mark.wire

MODEL = "smollm2-135m"
QUESTION = "What is the capital of France"
ANSWER = "The capital of France is Paris."
ASKED = "How warm is it in Paris?"


@tool
def get_weather(city: Literal["Paris", "Rome"]) -> str:
    """The weather in a city."""
    return f"It is 21 degrees in {city}."


class Weather(BaseModel):
    """The weather in a city."""

    city: Literal["Paris", "Rome"]
    celsius: int = Field(ge=0, le=40)


@pytest.fixture
def server(tape: FakeLLMServer) -> Iterator[Any]:
    """What makes a LangChain object ask the server, with a connection that is closed again."""
    with DefaultHttpxClient() as client:
        yield {"model": MODEL, **tape.openai_client_args(), "http_client": client}


@pytest.fixture(params=["chat completions", "responses"])
def model(server: Any, request: pytest.FixtureRequest) -> Any:
    return ChatOpenAI(
        **server,
        max_completion_tokens=48,
        use_responses_api=request.param == "responses",
        stream_usage=True,
    )


def test_a_plain_answer(model: Any) -> None:
    answer = model.invoke(QUESTION)
    assert answer.text == ANSWER
    assert answer.usage_metadata["output_tokens"] == 7
    assert answer.response_metadata["model_name"] == MODEL


def test_a_streamed_answer_is_the_plain_one(model: Any) -> None:
    chunks = list(model.stream(QUESTION))
    assert len([chunk for chunk in chunks if chunk.text]) == 7
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    plain = model.invoke(QUESTION)
    assert whole.text == plain.text == ANSWER
    assert whole.usage_metadata == plain.usage_metadata


def test_many_at_once(model: Any) -> None:
    async def ask() -> Any:
        answers = await model.abatch([QUESTION] * 4)
        await model.root_async_client.close()
        return answers

    assert [answer.text for answer in asyncio.run(ask())] == [ANSWER] * 4


def test_a_tool_is_called_and_its_result_answered(model: Any) -> None:
    asked = HumanMessage(ASKED)
    called = model.bind_tools([get_weather], tool_choice="get_weather").invoke([asked])
    [call] = called.tool_calls
    assert call["name"] == "get_weather"
    result = get_weather.invoke(call)
    assert isinstance(result, ToolMessage)
    assert result.tool_call_id == call["id"]
    answer = model.bind_tools([get_weather], tool_choice="none").invoke([asked, called, result])
    assert answer.text
    assert answer.tool_calls == []


def test_a_streamed_tool_call_is_the_plain_one(model: Any) -> None:
    bound = model.bind_tools([get_weather], tool_choice="any")
    chunks = list(bound.stream(ASKED))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    plain = bound.invoke(ASKED)
    called = [[(call["name"], call["args"]) for call in one.tool_calls] for one in (whole, plain)]
    assert called[0] == called[1]
    assert whole.tool_calls[0]["args"]["city"] in ("Paris", "Rome")
    assert whole.invalid_tool_calls == []


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_structured_answer(model: Any, method: str) -> None:
    answer = model.with_structured_output(Weather, method=method).invoke(ASKED)
    assert isinstance(answer, Weather)


def test_json_without_a_schema(server: Any) -> None:
    model = ChatOpenAI(**server)
    asking = model.with_structured_output(None, method="json_mode", include_raw=True)
    answer = asking.invoke("Paris has 21 degrees. Say this as a JSON object.")
    assert answer["parsing_error"] is None
    assert isinstance(answer["parsed"], dict)


def test_an_agent_calls_a_tool_and_answers(model: Any) -> None:
    @wrap_model_call
    def must_call_first(request: ModelRequest, handler: Any) -> Any:
        first = not isinstance(request.messages[-1], ToolMessage)
        return handler(request.override(tool_choice="any" if first else "none"))

    agent = create_agent(model, [get_weather], middleware=[must_call_first])
    messages = agent.invoke({"messages": [HumanMessage(ASKED)]})["messages"]
    [_, called, *results, answer] = messages
    assert called.tool_calls
    assert [r.tool_call_id for r in results] == [call["id"] for call in called.tool_calls]
    assert results[0].content.startswith("It is 21 degrees in")
    assert isinstance(answer, AIMessage)
    assert answer.text


def test_embeddings(server: Any) -> None:
    # Otherwise it cuts texts with another tokenizer, which it downloads.
    embeddings = OpenAIEmbeddings(**server, check_embedding_ctx_length=False)
    one, other = embeddings.embed_documents(["The sea is blue.", "A cat sleeps."])
    assert embeddings.embed_query("The sea is blue.") == one
    assert one != other
    assert math.isclose(math.hypot(*one), 1, rel_tol=1e-5)

"""Through LlamaIndex, over both of OpenAI's APIs. It wants to know a model by its name."""

import asyncio

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI, OpenAIResponses
from telling import ASKED, BASE_URL, QUESTION, Weather, get_weather, tell

SERVER = {"model": "gpt-4o-mini", "api_base": BASE_URL, "api_key": "slmtape", "max_retries": 0}
BRIEF = {"temperature": 0}
APIS = {
    "chat completions": OpenAI(**SERVER, **BRIEF, max_tokens=48),
    "responses": OpenAIResponses(**SERVER, **BRIEF, max_output_tokens=48),
}
TOOL = FunctionTool.from_defaults(get_weather)

for api, llm in APIS.items():

    @tell(f"{api}: plain")
    def _(llm=llm):
        return llm.chat([ChatMessage(role="user", content=QUESTION)]).message.content

    @tell(f"{api}: streamed")
    def _(llm=llm):
        return [part.delta for part in llm.stream_chat([ChatMessage(content=QUESTION)])]

    @tell(f"{api}: tool")
    def _(llm=llm):
        answer = llm.chat_with_tools([TOOL], user_msg=ASKED, tool_required=True)
        [call, *_] = llm.get_tool_calls_from_response(answer)
        return {"name": call.tool_name, "arguments": call.tool_kwargs, "id": call.tool_id}

    @tell(f"{api}: structured")
    def _(llm=llm):
        return llm.as_structured_llm(Weather).complete(ASKED).raw.model_dump()

    @tell(f"{api}: agent")
    def _(llm=llm):
        async def ask():
            agent = FunctionAgent(
                tools=[TOOL],
                llm=llm,
                streaming=False,
                initial_tool_choice="required",
                allow_parallel_tool_calls=False,
            )
            result = await agent.run(ASKED, max_iterations=5)
            return {
                "answer": result.response.content,
                "outputs": [call.tool_output.content for call in result.tool_calls],
            }

        return asyncio.run(ask())

"""Through Instructor: values by way of tools and JSON schemas."""

import instructor
from openai import OpenAI
from telling import ASKED, BASE_URL, MODEL, Weather, tell

client = OpenAI(base_url=BASE_URL, api_key="slmtape")
messages = [{"role": "user", "content": ASKED}]

for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA):
    asking = instructor.from_openai(client, mode=mode)
    options = {"model": MODEL, "messages": messages, "max_tokens": 48, "max_retries": 0}

    @tell(f"{mode.value}: structured")
    def _(asking=asking, options=options):
        weather, raw = asking.create_with_completion(response_model=Weather, **options)
        return {"value": weather.model_dump(), "usage": raw.usage.model_dump()}

    @tell(f"{mode.value}: streamed")
    def _(asking=asking, options=options):
        partials = asking.create_partial(response_model=Weather, **options)
        return [partial.model_dump() for partial in partials]

// Through openai-node: chat completions, responses, embeddings, errors.
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

import { asked, baseURL, model, question, tell } from "./telling.mjs";

const client = new OpenAI({ baseURL, apiKey: "slmtape" });
const messages = (content) => [{ role: "user", content }];
const City = z.enum(["Paris", "Rome"]);
const Weather = z.object({ city: City, celsius: z.number().int().min(0).max(40) });
const parameters = {
  type: "object",
  properties: { city: { type: "string", enum: ["Paris", "Rome"] } },
  required: ["city"],
  additionalProperties: false,
};
const getWeather = { name: "get_weather", description: "The weather in a city.", parameters };

await tell("plain", () =>
  client.chat.completions.create({ model, messages: messages(question) }),
);

await tell("streamed", async () => {
  const deltas = [];
  const stream = client.chat.completions
    .stream({ model, messages: messages(question), stream_options: { include_usage: true } })
    .on("content", (delta) => deltas.push(delta));
  return { deltas, final: await stream.finalChatCompletion(), usage: await stream.totalUsage() };
});

await tell("tool", async () => {
  const tools = [{ type: "function", function: getWeather }];
  const options = { model, tools, tool_choice: "required", messages: messages(asked) };
  const plain = await client.chat.completions.create({ ...options, parallel_tool_calls: false });
  const stream = client.chat.completions.stream({ ...options, parallel_tool_calls: false });
  return { plain, streamed: await stream.finalChatCompletion() };
});

await tell("loop", async () => {
  const results = [];
  const run = client.chat.completions.runTools({
    model,
    messages: messages(asked),
    tools: [
      {
        type: "function",
        function: {
          ...getWeather,
          parse: JSON.parse,
          function: ({ city }) => `It is 21 degrees in ${city}.`,
        },
      },
    ],
    // With this choice the runner makes one call of the function, and ends.
    tool_choice: { type: "function", function: { name: "get_weather" } },
  });
  run.on("functionToolCallResult", (result) => results.push(result));
  await run.done();
  return { results, roles: run.messages.map((message) => message.role) };
});

await tell("parsed", async () => {
  const completion = await client.chat.completions.parse({
    model,
    messages: messages(asked),
    response_format: zodResponseFormat(Weather, "weather"),
  });
  return completion.choices[0].message.parsed;
});

await tell("response", async () => {
  const first = await client.responses.create({ model, input: question });
  const second = await client.responses.create({
    model,
    input: "Say that again.",
    previous_response_id: first.id,
    max_output_tokens: 16,
  });
  return { first, second };
});

await tell("streamed response", async () => {
  const types = [];
  const stream = client.responses
    .stream({ model, input: question })
    .on("event", (event) => types.push(event.type));
  const final = await stream.finalResponse();
  return { types, final };
});

await tell("response's tool", async () => {
  const tools = [{ type: "function", strict: true, ...getWeather }];
  const called = await client.responses.create({
    model,
    tools,
    tool_choice: "required",
    parallel_tool_calls: false,
    input: asked,
  });
  const [call] = called.output;
  const answered = await client.responses.create({
    model,
    tools,
    tool_choice: "none",
    max_output_tokens: 32,
    input: [
      { role: "user", content: asked },
      ...called.output,
      { type: "function_call_output", call_id: call.call_id, output: "It is 21 degrees." },
    ],
  });
  return { call, answer: answered.output_text };
});

await tell("parsed response", async () => {
  const response = await client.responses.parse({
    model,
    input: asked,
    text: { format: zodTextFormat(Weather, "weather") },
  });
  return response.output_parsed;
});

await tell("embedding", async () => {
  const given = await client.embeddings.create({ model, input: "The sea is blue." });
  const asFloats = { model, input: "The sea is blue.", encoding_format: "float" };
  const floats = await client.embeddings.create(asFloats);
  return [given.data[0].embedding, floats.data[0].embedding];
});

await tell("error", async () => {
  try {
    return await client.chat.completions.create({ model: "gpt-17", messages: messages(asked) });
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code };
  }
});

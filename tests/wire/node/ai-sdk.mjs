// Through the Vercel AI SDK, over both of OpenAI's APIs.
import { createOpenAI } from "@ai-sdk/openai";
import { embed, generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { asked, baseURL, model, question, tell } from "./telling.mjs";

const openai = createOpenAI({ baseURL, apiKey: "slmtape" });
const City = z.enum(["Paris", "Rome"]);
const Weather = z.object({ city: City, celsius: z.number().int().min(0).max(40) });
const getWeather = tool({
  description: "The weather in a city.",
  inputSchema: z.object({ city: City }),
  execute: async ({ city }) => `It is 21 degrees in ${city}.`,
});
const apis = { "chat completions": openai.chat(model), responses: openai.responses(model) };

for (const [api, asking] of Object.entries(apis)) {
  const options = { model: asking, maxOutputTokens: 48, maxRetries: 0 };

  await tell(`${api}: plain`, async () => {
    const { text, finishReason, usage } = await generateText({ ...options, prompt: question });
    return { text, finishReason, usage };
  });

  await tell(`${api}: streamed`, async () => {
    const stream = streamText({ ...options, prompt: question });
    const deltas = [];
    for await (const delta of stream.textStream) deltas.push(delta);
    return { deltas, finishReason: await stream.finishReason, usage: await stream.usage };
  });

  const loop = {
    ...options,
    prompt: asked,
    tools: { get_weather: getWeather },
    stopWhen: stepCountIs(2),
    prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber ? "none" : "required" }),
  };

  await tell(`${api}: loop`, async () => steps(await generateText(loop)));
  await tell(`${api}: streamed loop`, async () => steps(streamText(loop)));

  await tell(`${api}: structured`, async () => {
    const output = Output.object({ schema: Weather });
    return (await generateText({ ...options, prompt: asked, output })).output;
  });

  await tell(`${api}: streamed structure`, async () => {
    const output = Output.object({ schema: Weather });
    const stream = streamText({ ...options, prompt: asked, output });
    let last;
    for await (const partial of stream.partialOutputStream) last = partial;
    return last;
  });
}

async function steps(result) {
  return (await result.steps).map((step) => ({
    text: step.text,
    finishReason: step.finishReason,
    results: step.toolResults.map(({ toolName, input, output }) => ({ toolName, input, output })),
  }));
}

await tell("embedding", async () => {
  const { embedding } = await embed({ model: openai.embedding(model), value: "The sea is blue." });
  return embedding;
});

// What the programs beside this file have in common: they call the server at BASE_URL, and print
// what each call gave as one line of JSON.
import { subscribe } from "node:diagnostics_channel";

export const baseURL = process.env.BASE_URL;
export const model = "smollm2-135m";
export const question = "What is the capital of France";
export const asked = "How warm is it in Paris?";

const told = {};

/** Keep what a call gives under this name, or what it failed with. */
export async function tell(name, call) {
  try {
    told[name] = await call();
  } catch (error) {
    told[name] = { failed: String(error?.stack ?? error) };
  }
}

process.on("beforeExit", () => {
  console.log(JSON.stringify(told));
  process.exit();
});

// What is thrown here ends the process.
const onlyLoopback = (host) => {
  if (!["127.0.0.1", "localhost", "[::1]"].includes(host)) {
    throw new Error(`A test may only connect to loopback, not to ${host}.`);
  }
};
subscribe("undici:client:beforeConnect", ({ connectParams }) => onlyLoopback(connectParams.hostname));
subscribe("http.client.request.start", ({ request }) => onlyLoopback(request.host));

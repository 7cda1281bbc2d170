// The official SDKs of Anthropic, Google and Cohere for JavaScript against the gateway, on providers that speak their
// protocol and on providers that do not. Environment: BASE, KEY, SIM, PREFIX, PROVIDERS, KNOWN (see harness/cases.mjs).
// The cases are in the files named here, by SDK; `runAll` takes them in this order.
import { runAll } from "./harness/cases.mjs";
import "./other_node_anthropic.mjs";
import "./other_node_cohere.mjs";
import "./other_node_google.mjs";

await runAll();

// The official SDKs of Anthropic, Google and Cohere for JavaScript against the gateway, on providers that speak their
// protocol and on providers that do not. Environment: BASE, KEY, SIM, PREFIX, PROVIDERS, KNOWN (see harness/cases.mjs).
// The cases are in the files named here, by SDK; `runAll` takes them in this order.
import { runAll } from "./harness/cases.mjs";

// One after the other, because they load their packages first: imports side by side would mix their cases.
for (const name of ["anthropic", "cohere", "google"]) await import(`./other_node_${name}.mjs`);
await runAll();

// The packages under test: they live in the cache and not beside the scripts, where a plain import would look for them.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.PREFIX}/package.json`);

/** The package of this name. */
export function load(name) {
  return import(pathToFileURL(require.resolve(name)).href);
}

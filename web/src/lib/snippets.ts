// How clients are pointed at this gateway: ready to be copied.

/** What a client needs, as text. */
export interface Snippet {
  id: string;
  name: string;
  /** Where it goes. */
  where: string;
  text: (base: string, key: string, model: string) => string;
}

/** A text within single quotes of a shell. */
const quoted = (text: string): string => (/^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

export const SNIPPETS: Snippet[] = [
  { id: 'toro', name: 'toro', where: 'In a terminal. toro then starts agents with a short-lived token of their own.', text: (base, key) => `printf %s ${quoted(key)} | toro connect ${quoted(base)}\ntoro claude` },
  { id: 'claude', name: 'Claude Code', where: 'In a terminal', text: (base, key, model) => `export ANTHROPIC_BASE_URL=${quoted(base)}\nexport ANTHROPIC_AUTH_TOKEN=${quoted(key)}\nexport ANTHROPIC_MODEL=${quoted(model)}\nclaude` },
  {
    id: 'codex', name: 'Codex', where: 'In ~/.codex/config.toml; the key in the variable TOKENROUTER_KEY',
    text: (base, key, model) => `model = ${JSON.stringify(model)}\nmodel_provider = "tokenrouter"\n\n[model_providers.tokenrouter]\nname = "tokenrouter"\nbase_url = ${JSON.stringify(`${base}/v1`)}\nenv_key = "TOKENROUTER_KEY"\nwire_api = "responses"\n\n# export TOKENROUTER_KEY=${quoted(key)}`,
  },
  {
    id: 'opencode', name: 'opencode', where: 'In opencode.json',
    text: (base, key, model) => JSON.stringify({ provider: { tokenrouter: { npm: '@ai-sdk/openai-compatible', options: { baseURL: `${base}/v1`, apiKey: key }, models: { [model]: {} } } }, model: `tokenrouter/${model}` }, null, 2),
  },
  { id: 'aider', name: 'aider', where: 'In a terminal', text: (base, key, model) => `export OPENAI_API_BASE=${quoted(`${base}/v1`)}\nexport OPENAI_API_KEY=${quoted(key)}\naider --model ${quoted(`openai/${model}`)}` },
  {
    id: 'python', name: 'Python', where: 'With the package openai',
    text: (base, key, model) => `from openai import OpenAI\n\nclient = OpenAI(base_url=${JSON.stringify(`${base}/v1`)}, api_key=${JSON.stringify(key)})\nanswer = client.chat.completions.create(\n    model=${JSON.stringify(model)},\n    messages=[{"role": "user", "content": "hello"}],\n)\nprint(answer.choices[0].message.content)`,
  },
  {
    id: 'node', name: 'JavaScript', where: 'With the package openai',
    text: (base, key, model) => `import OpenAI from "openai";\n\nconst client = new OpenAI({ baseURL: ${JSON.stringify(`${base}/v1`)}, apiKey: ${JSON.stringify(key)} });\nconst answer = await client.chat.completions.create({\n  model: ${JSON.stringify(model)},\n  messages: [{ role: "user", content: "hello" }],\n});\nconsole.log(answer.choices[0].message.content);`,
  },
  {
    id: 'curl', name: 'curl', where: 'In a terminal',
    text: (base, key, model) => `curl ${quoted(`${base}/v1/chat/completions`)} \\\n  -H ${quoted(`Authorization: Bearer ${key}`)} -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }))}`,
  },
];

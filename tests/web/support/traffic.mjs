// Real requests through a real gateway, so that every page has something to show; and texts that must stay texts.
import { HOSTILE, HOSTILE_MODEL, HOSTILE_SESSION } from './hostile.mjs';

export { HOSTILE };

/** Calls the gateway with a key; answers of any status are returned. */
export async function call(url, key, method, path, body, headers = {}) {
  const init = { method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers } };
  if (body !== undefined) init.body = JSON.stringify(body);
  const answer = await fetch(url + path, init);
  const text = await answer.text();
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    data = undefined;
  }
  return { status: answer.status, text, data };
}

const tools = [{ type: 'function', function: { name: 'read_file', description: 'Reads a file', parameters: { type: 'object', properties: { path: { type: 'string' } } } } }];
const claude = (session) => ({ 'user-agent': 'claude-cli/2.0.14 (external, cli)', 'x-claude-code-session-id': session });
const PICTURE = 'iVBORw0KGgoAAAANSUhEUgAAAPAAAAB4CAIAAABD1OhwAAACHElEQVR42u3SMY3DQAAAwcAJhINgCNYjcP3VQbCC4OqvDMEKAsN6EluONBDm9f55EiOyRfbIEZmRM7IiV+SOvIQWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihq9C/T2JEtsgeOSIzckZW5IrcEaGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlroLPTnSYzIFtkjR2RGzsiKXJE7IrTQQgsttNBCCy200EILLbTQQgsttNBCCy200EILLbTQQgsttNBCCy200EILLbTQQgsttNBCCy200EILLbTQQgsttNBCCy200EILLbTQQgudhf57EiOyRfbIEZmRM7IiV+SOCC200EILLbTQQgsttNBCCy200EILLbTQQgsttNBCCy200EILLbTQQgsttNBCCy200EILLbTQQgsttNBCCy200EILLbTQQgsttNBCCy200EJnob9PYkS2yB45IjNyRlbkitwRoYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWmihhRZaaKGFFlpooYUWWujIP8mJzIxWF6CCAAAAAElFTkSuQmCC';

/** Makes tokens, has conversations, fails sometimes; returns the tokens. */
export async function traffic(url, key) {
  const token = async (body) => (await call(url, key, 'POST', '/admin/api/tokens', body)).data;
  const month = { calendar: 'month', time_zone: 'UTC' };
  const team = await token({ name: 'team-search', role: 'keymaster', labels: { team: 'search' }, limits: { budgets: [{ unit: 'usd_nanos', limit: 3_000_000_000, window: month }] } });
  const alice = await token({ name: 'alice', role: 'inferrer', parent: team.id, limits: { budgets: [{ unit: 'requests', limit: 6, window: { calendar: 'day', time_zone: 'UTC' } }] } });
  const hostile = await token({ name: HOSTILE, role: 'inferrer', labels: { note: HOSTILE } });
  const run = await token({ name: 'toro claude · refactor', role: 'inferrer', parent: team.id, run: true, labels: { agent: 'claude', repository: 'acme/shop', branch: 'main' } });
  const ask = (as, path, body, headers) => call(url, as.key, 'POST', path, body, headers);
  const chat = (as, model, content, more = {}, headers = {}) => ask(as, '/v1/chat/completions', { model, messages: [{ role: 'user', content }], ...more }, headers);

  // A conversation of an agent, with instructions, tools, an image, thinking, and a fork.
  const session = '00000000-0000-4000-8000-000000000001';
  const messages = [{ role: 'user', content: [{ type: 'text', text: 'The login bug: why does the session cookie get lost behind the proxy?' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PICTURE } }] }];
  const say = async (model, more = {}) => {
    const { data } = await ask(run, '/v1/messages', { model, max_tokens: 400, system: 'You are a careful engineer. Read before you write.', messages, ...more }, claude(session));
    if (data?.content) messages.push({ role: 'assistant', content: data.content });
    return data;
  };
  const toolset = { tools: [{ name: 'read_file', description: 'Reads a file', input_schema: { type: 'object', properties: { path: { type: 'string' } } } }] };
  await say('think');
  messages.push({ role: 'user', content: 'Look at the code first.' });
  const called = await say('tool', toolset);
  const use = called?.content?.find((part) => part.type === 'tool_use');
  if (use) {
    messages.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'export function cookie() {\n  return { secure: true, sameSite: "lax" };\n}\n' }] });
    await say('ok', toolset);
  }
  const stem = messages.slice();
  messages.push({ role: 'user', content: 'Then write the fix:\n\n```ts\nsecure: request.secure\n```' });
  await say('ok', toolset);
  messages.splice(0, messages.length, ...stem, { role: 'user', content: 'No: only explain it.' });
  await say('ok', toolset);

  // One whose wire is kept: Chat on this side, Messages on that of the provider.
  const watched = await token({ name: 'watched', role: 'inferrer', parent: team.id });
  await call(url, key, 'PATCH', `/admin/api/tokens/${watched.id}`, { inspect_ms: 3_600_000 }, { 'if-match': '*' });
  await chat(watched, 'across/ok', 'What went over the wire?');

  await chat(team, 'ok', 'What is a prompt cache, and when does it pay?');
  await chat(team, 'think', 'How many tests does a login need?', { stream: true });
  await chat(team, 'tool', 'Read the file README.md', { tools });
  await ask(team, '/v1/responses', { model: 'ok', input: 'Summarise the incident of last Tuesday in one line.' });
  for (let turn = 0; turn < 5; turn++) await chat(alice, 'ok', `Question ${turn} about budgets`, { stream: turn % 2 === 0 });
  await chat(team, 's503', 'This one fails');
  await chat(team, 'broken/none', 'This one finds nobody');
  await chat(team, 'auth', 'A key that is refused');
  // Whatever comes from outside is a text: in prompts, models, agents, errors.
  await call(url, key, 'PATCH', `/admin/api/tokens/${hostile.id}`, { inspect_ms: 3_600_000 }, { 'if-match': '*' });
  await token({ name: 'nightly checks of the shop', role: 'inferrer', parent: team.id, run: true, labels: { agent: 'an-agent-with-a-name-that-is-longer-than-any-name-should-be-for-a-badge' } });
  await token({ name: `${HOSTILE} run`, role: 'inferrer', parent: team.id, run: true, labels: { agent: HOSTILE, repository: HOSTILE, branch: HOSTILE } });
  const spent = await token({ name: `${HOSTILE} spent`, role: 'inferrer', limits: { budgets: [{ unit: 'requests', limit: 1 }] } });
  await chat(spent, 'ok', 'the only one');
  await chat(hostile, 'ok', `${HOSTILE} in a prompt`, {}, { 'user-agent': HOSTILE });
  await chat(hostile, HOSTILE, 'a model of that name');
  await chat(hostile, `hostile/${HOSTILE_MODEL}`, 'answer me', {}, { ...claude(HOSTILE_SESSION), 'user-agent': HOSTILE });
  await chat(hostile, 'hostile/meek', 'refuse me', {}, { 'x-request-id': HOSTILE });
  return { team, alice, hostile, run, watched };
}

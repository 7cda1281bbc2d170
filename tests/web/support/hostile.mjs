// A provider whose every word is an attempt at markup: the names of its models, its answers, its errors, its headers.
import { createServer } from 'node:http';

/** What would run, or load something from elsewhere, if any page took it for markup. */
export const HOSTILE = '<img src=x onerror="window.__struck=1"><script>window.__struck=1</script>&lt;b&gt;"\'';
/** The same as the name of a model, which goes into paths. */
export const HOSTILE_MODEL = '<img src=x onerror=window.__struck=1>';
/** The same as the id of a session, which has no spaces. */
export const HOSTILE_SESSION = '<img/src=x/onerror=window.__struck=1>';

const answer = (content) => ({
  id: HOSTILE, object: 'chat.completion', created: 1_760_000_000, model: HOSTILE_MODEL,
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
  usage: { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 },
});
const refusal = { error: { message: `${HOSTILE} said the provider`, type: HOSTILE, code: HOSTILE, param: HOSTILE } };

/** Serves it; its URL, and how to end it. */
export async function hostile() {
  const server = createServer((request, told) => {
    let text = '';
    request.on('data', (data) => (text += data)).on('end', () => {
      const isList = request.method === 'GET';
      const isGood = isList || text.includes('answer me');
      const body = isList ? { object: 'list', data: [HOSTILE_MODEL, 'meek'].map((id) => ({ id, object: 'model', owned_by: HOSTILE })) } : isGood ? answer(`${HOSTILE} said the model`) : refusal;
      told.writeHead(isGood ? 200 : 400, { 'content-type': 'application/json', 'x-request-id': '<b>1</b>' }).end(JSON.stringify(body));
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => (server.closeAllConnections(), server.close()) };
}

// A built site in front of a torod that was built without it (WEB_SITE=web/dist), by the same rules as torod serves its own.
import { createServer, request as ask } from 'node:http';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const KINDS = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html; charset=utf-8' };

/** Serves `site` at /admin and everything else by the gateway at `url`; its own URL, and how to end it. */
export async function door(url, site) {
  const server = createServer(async (request, answer) => {
    const path = new URL(request.url, url).pathname;
    if (/^\/admin(?!\/api\/)(\/|$)/.test(path)) {
      const name = normalize(path.replace(/^\/admin\/?/, '')) || '.';
      const file = join(site, name);
      const isFile = !name.startsWith('..') && existsSync(file) && statSync(file).isFile();
      let body = readFileSync(isFile ? file : join(site, 'index.html'));
      if (!isFile) {
        const page = await (await fetch(`${url}/admin`, { headers: { accept: 'text/html' } })).text();
        body = body.toString().replace('{{state}}', /data-state="(\w+)"/.exec(page)?.[1] ?? 'closed');
      }
      answer.writeHead(200, { 'content-type': KINDS[isFile ? extname(file) : '.html'] ?? 'application/octet-stream', 'content-security-policy': POLICY }).end(body);
      return;
    }
    const to = new URL(url);
    const passed = ask({ host: to.hostname, port: to.port, method: request.method, path: request.url, headers: request.headers }, (told) => {
      answer.writeHead(told.statusCode, told.headers);
      told.pipe(answer);
    });
    passed.on('error', () => answer.writeHead(502).end());
    request.pipe(passed);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => (server.closeAllConnections(), server.close()) };
}

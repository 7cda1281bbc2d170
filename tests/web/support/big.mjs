// Opens every page of a gateway that has seen much, and says how long each took until it could be used; see tests/web/big.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from '@playwright/test';
import { door } from './door.mjs';
import { HEAD, provider, until } from './gateway.mjs';

const [folder] = process.argv.slice(2);
const torod = process.env.TOROD;
const MOST_MS = Number(process.env.BIG_MOST_MS ?? 300);
const MOST_SHARE = 0.1;
const TIMES = 5;
const running = [];
process.once('exit', () => running.forEach((child) => child.kill('SIGTERM')));

function start(args) {
  const child = spawn(torod, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.told = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (child.told = (child.told + data).slice(-20_000)));
  running.push(child);
  return child;
}

/** The gateway over the data, and a key that opens all of it. */
async function gateway() {
  const simulator = start(['simulate', '--listen', '127.0.0.1:0', '--json']);
  const upstream = await until(() => /"url":"([^"]+)"/.exec(simulator.told)?.[1], 'the simulator');
  const [file, ready] = [join(folder, 'torod.toml'), join(folder, 'ready')];
  writeFileSync(file, HEAD + provider('simulator', upstream) + '[conversations]\nenabled = true\n', { mode: 0o600 });
  const made = execFileSync(torod, ['token', 'create', '--config', file, '--data-dir', folder, '--role', 'admin', '--name', 'big', '--json'], { encoding: 'utf8' });
  rmSync(ready, { force: true });
  const child = start(['serve', '--config', file, '--data-dir', folder, '--ready-file', ready, '--listen', '127.0.0.1:0', '--log-format', 'human']);
  const url = await until(() => {
    if (child.exitCode !== null) throw new Error(`torod ended: ${child.told}`);
    return existsSync(ready) && readFileSync(ready, 'utf8').trim();
  }, 'the gateway', 120_000);
  const front = process.env.WEB_SITE ? await door(url, resolve(process.env.WEB_SITE)) : undefined;
  return { url: front?.url ?? url, direct: url, key: JSON.parse(made).key, close: () => front?.close() };
}

/** In the page: counts what is asked, and tells when nothing is awaited any more. */
function watch() {
  const told = (window.__told = { open: 0 });
  const { fetch } = window;
  window.fetch = (...asked) => {
    told.open += 1;
    return fetch(...asked).finally(() => (told.open -= 1));
  };
  const isReady = () => told.open === 0 && document.querySelector('h1') && !document.querySelector('[aria-busy="true"], tr.skeleton');
  // Usable: all that was asked for is there, and was painted; an answer may lead to one more question.
  window.__usable = () => new Promise((done) => {
    let since;
    const look = () => {
      if (!isReady()) since = undefined;
      else since ??= performance.now();
      if (since !== undefined && performance.now() - since > 60) done(since);
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}

const median = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];
const slowest = (page) => page.evaluate(() => {
  const asked = performance.getEntriesByType('resource').filter((one) => one.name.includes('/admin/api/') && !one.name.includes('/live'));
  performance.clearResourceTimings();
  const [most] = asked.sort((a, b) => b.duration - a.duration);
  return most ? `${most.duration.toFixed(0)} ms ${decodeURIComponent(most.name.replace(/^.*\/admin\/api/, '')).slice(0, 90)}` : '';
});

/** Opens a page by a click within the site, and by the browser's button that loads all of it anew; milliseconds of each. */
async function measure(page, path) {
  const [clicks, loads, slow] = [[], [], []];
  for (let time = 0; time < TIMES; time++) {
    await page.goto(`/admin${path === '/network' ? '/log' : '/network'}`);
    await page.evaluate(() => window.__usable());
    await slowest(page);
    clicks.push(await page.evaluate(async (to) => {
      const began = performance.now();
      const link = Object.assign(document.createElement('a'), { href: to });
      document.body.append(link);
      link.click();
      link.remove();
      return (await window.__usable()) - began;
    }, `/admin${path}`));
    slow.push(await slowest(page));
    await page.reload({ waitUntil: 'commit' });
    loads.push(await page.evaluate(() => window.__usable()));
  }
  return { path, click: median(clicks), load: median(loads), slow: slow.at(-1) };
}

/** Has 200 requests a second go through for a while. */
async function traffic({ direct, key }, perSecond, forMs) {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const body = JSON.stringify({ model: 'simulator/ok', messages: [{ role: 'user', content: 'hello' }] });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const began = Date.now();
  let [sent, good] = [0, 0];
  await new Promise((done) => {
    const timer = setInterval(() => {
      const due = Math.floor(((Date.now() - began) / 1000) * perSecond);
      for (; sent < due; sent++) {
        const call = request(`${direct}/v1/chat/completions`, { method: 'POST', agent, headers }, (answer) => answer.resume().on('end', () => (good += answer.statusCode === 200 ? 1 : 0)));
        call.on('error', () => undefined);
        call.end(body);
      }
      if (Date.now() - began > forMs) done(clearInterval(timer));
    }, 20);
  });
  agent.destroy();
  return good / (forMs / 1000);
}

const home = await gateway();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
try {
  const context = await browser.newContext({ baseURL: home.url, viewport: { width: 1440, height: 900 } });
  await context.addInitScript(watch);
  const signed = await context.request.post('/admin/api/login', { data: { key: home.key }, headers: { origin: home.url } });
  if (!signed.ok()) throw new Error(`login: ${signed.status()} ${await signed.text()}`);
  const ask = async (path) => (await context.request.get(path)).json();
  const row = (await ask('/admin/api/usage/requests?period=24h&limit=1')).requests[0];
  const { rows: [token] } = await ask('/admin/api/usage?by=token&period=30d&limit=1');
  const run = (await ask('/admin/api/me/runs?token=*&limit=1')).runs[0]?.id;
  const pages = [
    '/', '/?range=1h', '/?range=7d', '/?range=30d', '/?range=90d', '/?range=30d&by=token', '/?range=90d&by=user_agent', '/?range=30d&by=session', '/?range=30d&measure=latency', `/?range=30d&token=${token.key[0]}`,
    '/requests', '/requests?range=90d', '/requests?range=30d&not_outcome=ok', `/requests?range=30d&token=${token.key[0]}`, `/requests/${row.id}`,
    '/runs', ...(run ? [`/runs/${run}`] : []), '/runs?view=sessions', '/runs?view=sessions&range=30d', '/conversations', '/alerts', '/log', '/models', '/playground', '/routing', '/routing?view=endpoints', '/providers',
    '/access', '/access?q=person-49', '/access?show=all', `/access?token=${token.key[0]}`, '/network', '/audit', '/settings', '/me',
  ];
  const only = process.env.BIG_ONLY?.split(' ');
  const page = await context.newPage();
  const told = [];
  console.log(`${cpus().length} cores; milliseconds until a page can be used, the median of ${TIMES}: by a click, by loading it anew`);
  for (const path of pages.filter((one) => !only || only.includes(one))) {
    const one = await measure(page, path);
    told.push(one);
    console.log(`${one.click.toFixed(0).padStart(6)} ${one.load.toFixed(0).padStart(6)} ${Math.max(one.click, one.load) > MOST_MS ? '!' : ' '} ${path.padEnd(46)} ${one.slow}`);
  }

  await page.goto('/admin');
  await page.evaluate(() => window.__usable());
  const processes = await browser.newBrowserCDPSession();
  const renderers = async () => (await processes.send('SystemInfo.getProcessInfo')).processInfo.filter((one) => one.type === 'renderer').reduce((sum, one) => sum + one.cpuTime, 0);
  const [own, FOR_MS] = [await context.newCDPSession(page), 15_000];
  await own.send('Performance.enable');
  const tasks = async () => (await own.send('Performance.getMetrics')).metrics.find((one) => one.name === 'TaskDuration').value;
  await traffic(home, 200, 3_000);
  const [cpu, task, began] = [await renderers(), await tasks(), Date.now()];
  const rate = await traffic(home, 200, FOR_MS);
  const seconds = (Date.now() - began) / 1000;
  const share = (await renderers() - cpu) / seconds;
  console.log(`live: ${rate.toFixed(0)} requests/s; the tab takes ${(share * 100).toFixed(1)}% of a core (its main thread ${(((await tasks()) - task) / seconds * 100).toFixed(1)}%)`);

  const slow = told.filter((one) => Math.max(one.click, one.load) > MOST_MS);
  if (slow.length > 0) console.log(`over ${MOST_MS} ms: ${slow.map((one) => one.path).join(' ')}`);
  if (share > MOST_SHARE) console.log(`The live feed costs more than ${MOST_SHARE * 100}% of a core.`);
  process.exitCode = slow.length > 0 || share > MOST_SHARE ? 1 : 0;
} finally {
  await browser.close();
  home.close();
  for (const child of running) child.kill('SIGTERM');
}

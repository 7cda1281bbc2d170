// Starts what the tests talk to: simulators and gateways of the real torod, each with a folder of its own, and ends them.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const TOROD = resolve(process.env.TOROD ?? join(import.meta.dirname, '../../../target/debug/torod'));
const PRICE = 'price = { input = 2.0, output = 8.0, cache_read = 0.2, cache_write = 2.5 }';

/** Waits until `look` gives something, asking again ten times a second. */
export async function until(look, what, withinMs = 20_000) {
  const end = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: nothing after ${withinMs / 1000} s`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Ends a program, gently first. */
const ended = (child) => new Promise((done) => {
  if (child.exitCode !== null || child.signalCode !== null) return done();
  child.once('exit', done);
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), 5_000).unref();
});

/** What runs, and the folder of all of it. */
export class World {
  constructor() {
    if (!existsSync(TOROD)) throw new Error(`There is no torod at ${TOROD}. Build it (cargo build -p torod), or name it by TOROD.`);
    this.folder = mkdtempSync(join(tmpdir(), 'torod-web-'));
    this.running = [];
    this.count = 0;
    // Also where a run is cut short and nobody gets to `stop`.
    process.once('exit', () => {
      for (const child of this.running) child.kill('SIGKILL');
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  #spawn(args) {
    const child = spawn(TOROD, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, HOME: this.folder } });
    this.running.push(child);
    child.told = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (child.told = (child.told + data).slice(-20_000)));
    return child;
  }

  /** A simulated provider; its URL. */
  async simulator() {
    const child = this.#spawn(['simulate', '--listen', '127.0.0.1:0', '--json']);
    return until(() => /"url":"([^"]+)"/.exec(child.told)?.[1], `the simulator (${child.told})`);
  }

  /** A gateway with this configuration; its URL, its setup code, its file, and how it is started again at the same address. */
  async gateway(config) {
    const folder = join(this.folder, `gateway-${++this.count}`);
    const file = `${folder}.toml`;
    writeFileSync(file, config, { mode: 0o600 });
    let [child, url] = await this.#serve(file, folder, '127.0.0.1:0');
    const code = (await until(() => /setup code ([A-Z0-9-]+)/.exec(child.told), 'the setup code'))[1];
    /** @param {() => unknown} meanwhile */
    const again = async (meanwhile = () => undefined) => {
      await ended(child);
      await meanwhile();
      [child] = await this.#serve(file, folder, new URL(url).host);
    };
    return { url, code, file, again };
  }

  async #serve(file, folder, address) {
    const ready = `${folder}.ready`;
    rmSync(ready, { force: true });
    const child = this.#spawn(['serve', '--config', file, '--data-dir', folder, '--ready-file', ready, '--listen', address, '--log-format', 'human']);
    const url = await until(() => {
      if (child.exitCode !== null) throw new Error(`torod ended: ${child.told}`);
      return existsSync(ready) && readFileSync(ready, 'utf8').trim();
    }, 'the gateway');
    return [child, url];
  }

  /** The first admin token of a gateway. */
  async admin(url) {
    const answer = await fetch(`${url}/admin/api/setup`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'root' }) });
    if (!answer.ok) throw new Error(`setup: ${answer.status} ${await answer.text()}`);
    return (await answer.json()).key;
  }

  /** Ends all of it. */
  async stop() {
    await Promise.all(this.running.map(ended));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The same where requests of every other protocol are translated into Messages. */
export const across = (name, url) => `
[[providers]]
name = "${name}"
protocols = { anthropic = "${url}/v1" }
api_key = "sk-never-shown"
[[providers.models]]
id = "ok"
${PRICE}
`;

/** A provider of the configuration that is a simulator. */
export const provider = (name, url, models = ['ok', 'think']) => `
[[providers]]
name = "${name}"
protocols = { openai = "${url}/v1", responses = "${url}/v1", anthropic = "${url}/v1" }
${models.map((id) => `[[providers.models]]\nid = "${id}"\n${PRICE}\n`).join('')}`;

export const HEAD = 'auto_detect_local_servers = false\n';

// What holds for the whole site: types that fit the API, files that say what they are for, nothing inline, a small first load.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import openapiTS, { astToString } from 'openapi-typescript';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const files = (readdirSync(join(root, 'src'), { recursive: true }) as string[]).filter((name) => /\.(ts|svelte|css|html)$/.test(name) && !name.endsWith('schema.d.ts'));
const read = (name: string): string => readFileSync(join(root, 'src', name), 'utf8');
const most = (name: string): number => (name.startsWith('pages') && name.endsWith('.svelte') ? 250 : name.startsWith('parts') ? 150 : 400);

describe('the types of the API', () => {
  it('are those of openapi.json; if not: npm run schema', async () => {
    const made = astToString(await openapiTS(new URL('../openapi.json', import.meta.url)));
    expect(read('api/schema.d.ts').endsWith(made)).toBe(true);
  }, 60_000);
});

describe('every file', () => {
  it('says first what it is for', () => {
    const silent = files.filter((name) => !/^(<!--|\/\/|\/\*|<!doctype)/.test(read(name)));
    expect(silent).toEqual([]);
  });
  it('is short enough to be read', () => expect(files.filter((name) => read(name).split('\n').length > most(name))).toEqual([]));
  it('has nothing that the content policy forbids, and no foreign markup', () => {
    // `style:width={…}` is set by script and allowed; `style="…"` and `{@html}` are not.
    expect(files.filter((name) => /\sstyle=["'{]|\{@html|innerHTML|eval\(|new Function|\son[a-z]+="/.test(read(name).replace(/\/\/.*$/gm, '')))).toEqual([]);
  });
  it('asks no other host', () => expect(files.filter((name) => /(src|href)=["']?https?:|url\(\s*["']?https?:|fetch\(\s*["'`]https?:/.test(read(name)))).toEqual([]));
});

describe('the package lock', () => {
  it('names no registry', () => expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved"/));
});

describe('the built site', () => {
  if (!existsSync(join(root, 'dist', 'index.html'))) execFileSync('npm', ['run', 'build'], { cwd: root, stdio: 'pipe', env: { ...process.env, NODE_ENV: 'production' } });
  const dist = join(root, 'dist');
  const index = readFileSync(join(dist, 'index.html'), 'utf8');

  const assets = join(dist, 'assets');
  /** What a script has loaded with it: what it imports, and what that imports. */
  function imported(script: string, seen = new Set<string>()): Set<string> {
    if (seen.has(script)) return seen;
    seen.add(script);
    for (const [, name] of readFileSync(join(assets, script), 'utf8').matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g)) imported(name!, seen);
    return seen;
  }
  /** What Vite has fetched before a page that comes later begins: its scripts and, which stand nowhere else, their styles. */
  function fetched(scripts: Set<string>, page: string): string[] {
    for (const text of [...scripts].map((name) => readFileSync(join(assets, name), 'utf8'))) {
      const [, wanted] = new RegExp(`\\.\\/${page}-[\\w-]+\\.js[\`"']\\)\\s*,\\s*__vite__mapDeps\\(\\[([\\d,]*)\\]\\)`).exec(text) ?? [];
      if (wanted === undefined) continue;
      const known = [.../\(m\.f=\[([^\]]*)\]/.exec(text)![1]!.matchAll(/assets\/([\w.-]+)/g)].map(([, name]) => name!);
      return wanted.split(',').map((at) => known[Number(at)]!);
    }
    throw new Error(`Nothing loads ${page}.`);
  }
  const begun = [...index.matchAll(/\/admin\/assets\/([\w.-]+)/g)].map(([, name]) => name!);
  const scripts = new Set(begun.filter((name) => name.endsWith('.js')).flatMap((name) => [...imported(name)]));
  const later = fetched(scripts, 'Overview');
  const loaded = new Set([...begun, ...scripts, ...later, ...later.filter((name) => name.endsWith('.js')).flatMap((name) => [...imported(name)])]);

  it('has a first load of at most 80 KB, the overview with its charts and all styles included', () => {
    const sizes = [...loaded].map((name) => [name, brotliCompressSync(readFileSync(join(assets, name))).length] as const);
    const sum = sizes.reduce((all, [, size]) => all + size, 0);
    for (const part of ['Overview', 'parts', 'chart']) for (const kind of ['js', 'css']) expect([...loaded].filter((name) => name.startsWith(`${part}-`) && name.endsWith(`.${kind}`))).toHaveLength(1);
    expect(sum, sizes.map(([name, size]) => `${name} ${size}`).join('\n')).toBeLessThanOrEqual(80_000);
  }, 60_000);
  it('has nothing inline and nothing of another host', () => {
    expect(index).not.toMatch(/<style|<script(?![^>]*src=)|\sstyle=|https?:\/\//);
    for (const name of readdirSync(join(dist, 'assets')).filter((one) => one.endsWith('.css'))) expect(readFileSync(join(dist, 'assets', name), 'utf8')).not.toMatch(/url\((?!data:)|@import/);
  });
  it('lets torod say how the first token is made', () => expect(index).toContain('data-state="{{state}}"'));
});

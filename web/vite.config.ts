// How the site is built: everything below /admin/, hashed, and nothing inline, as the server's content policy wants it.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineConfig } from 'vite';
import { svelte } from '@sveltejs/vite-plugin-svelte';

const gateway = process.env['TOROD'] ?? 'http://127.0.0.1:8080';

/** What a file of the site needs at once, itself included: its own imports and theirs, but not what is fetched later. */
function needs(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/^\s*import\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?['"](\.[^'"]+)['"]/gm)) {
    const path = join(dirname(file), name!);
    const real = [path, `${path}.ts`].find((one) => /\.(ts|svelte)$/.test(one) && existsSync(one));
    if (real) needs(real, found);
  }
  return found;
}
const source = join(import.meta.dirname, 'src');
const frame = needs(join(source, 'main.ts'));
const overview = needs(join(source, 'pages/Overview.svelte'));
const bare = (id: string): string => id.replace(/\?.*/, '');

export default defineConfig({
  root: 'src',
  base: '/admin/',
  publicDir: '../public',
  plugins: [svelte({ configFile: '../svelte.config.js' })],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: ['chrome123', 'firefox128', 'safari17.5'],
    license: { fileName: 'licenses.md' },
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // What the frame needs, and what the first page needs beyond it, in a file each: many small ones are packed worse, and asked for one by one.
    // Charts stand apart, since most pages have none.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'frame', test: (id: string) => frame.has(bare(id)) || /node_modules\/(svelte|esm-env|clsx)\//.test(id), priority: 2 },
            { name: 'chart', test: /node_modules\/uplot\/|\/(Chart\.svelte|uplot\.ts|chart-data\.ts)$/, priority: 2 },
            { name: 'parts', test: (id: string) => overview.has(bare(id)) && !/\/pages\/(?!overview\/Buckets)/.test(id), priority: 1 },
          ],
        },
      },
    },
  },
  server: {
    port: Number(process.env['PORT'] ?? 5173),
    strictPort: true,
    // `Host` stays what the browser says, since torod holds it against `Origin`; src/api/*.ts is ours and not torod's.
    proxy: Object.fromEntries(['^/admin/api/(?!\\w+\\.ts($|\\?))', '^/v1', '^/health'].map((path) => [path, { target: gateway, changeOrigin: false }])),
  },
  test: { root: '.', include: ['src/**/*.test.ts', 'test/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0]);

// How the site is built: everything below /admin/, hashed, and nothing inline, as the server's content policy wants it.
import { defineConfig } from 'vite';
import { svelte } from '@sveltejs/vite-plugin-svelte';

const gateway = process.env['TOROD'] ?? 'http://127.0.0.1:8080';

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
  },
  server: {
    port: Number(process.env['PORT'] ?? 5173),
    strictPort: true,
    // `Host` stays what the browser says, since torod holds it against `Origin`; src/api/*.ts is ours and not torod's.
    proxy: Object.fromEntries(['^/admin/api/(?!\\w+\\.ts($|\\?))', '^/v1', '^/health'].map((path) => [path, { target: gateway, changeOrigin: false }])),
  },
  test: { root: '.', include: ['src/**/*.test.ts', 'test/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0]);

// The overview: what it loads, and that its figures are the right ones however it is narrowed, told apart or zoomed.
import { brotliCompressSync } from 'node:zlib';
import { expect, settled, test } from './support/site';

test('the first load is at most 80 KB, with all that is fetched when nothing else is to be done', async ({ enter }) => {
  const { page } = await enter('full');
  const bodies: Promise<[string, number]>[] = [];
  page.on('response', (answer) => {
    if (/\.(js|css)$/.test(new URL(answer.url()).pathname)) bodies.push(answer.body().then((body) => [answer.url().replace(/.*\//, ''), brotliCompressSync(body).length]));
  });
  const last = page.waitForResponse(/\/Palette-.*\.js$/);
  await page.goto('/admin');
  await settled(page);
  await last;
  const sizes = await Promise.all(bodies);
  expect(sizes.map(([name]) => name.replace(/-[^-.]*(-[^-.]*)?\./, '.'))).toEqual(expect.arrayContaining(['Overview.js', 'Overview.css', 'chart.js', 'chart.css']));
  expect(sizes.reduce((sum, [, size]) => sum + size, 0), sizes.join('\n')).toBeLessThanOrEqual(80_000);
});

// The overview: what it loads, and that its figures are the right ones however it is narrowed, told apart or zoomed.
import { brotliCompressSync } from 'node:zlib';
import type { Locator, Page } from '@playwright/test';
import { HEAD, provider, until } from './support/gateway.mjs';
import { own, type Own } from './support/own';
import { call } from './support/traffic.mjs';
import { expect, settled, test, visit } from './support/site';

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
  for (const part of [/^Overview-.*\.js$/, /^Overview-.*\.css$/, /^chart-.*\.js$/, /^chart-.*\.css$/]) expect(sizes.filter(([name]) => part.test(name))).toHaveLength(1);
  expect(sizes.reduce((sum, [, size]) => sum + size, 0), sizes.join('\n')).toBeLessThanOrEqual(80_000);
});

/** A gateway of its own: two requests, then five, with a moment between them. */
let home: Own;
let between = 0;
const MINUTE = 60_000;
const ask = (model: string) => call(home.url, home.key, 'POST', '/v1/chat/completions', { model: `simulator/${model}`, messages: [{ role: 'user', content: 'hello' }] });
const told = async (query: string) => (await call(home.url, home.key, 'GET', `/admin/api/usage?${query}`)).data;
test.beforeAll(async () => {
  home = await own((url) => HEAD + provider('simulator', url));
  for (const model of ['ok', 'think']) await ask(model);
  await until(async () => (await told('period=1h')).total.exchanges === 2, 'the first requests');
  // The clock goes on before the next ones begin.
  between = Date.now() + 1;
  await until(() => Date.now() > between, 'the next millisecond');
  for (const model of ['ok', 'ok', 'ok', 'think', 's503']) await ask(model);
  await until(async () => (await told('period=1h')).total.exchanges === 7, 'the others');
});
test.afterAll(() => home?.end());

/** One figure of the row of them: its value, how it moved, and its note. */
const figure = (page: Page, name: string) => page.getByRole('region', { name: 'Figures of this span' }).locator('.stat').filter({ has: page.locator('.label', { hasText: new RegExp(`^${name}$`) }) });
const later = () => `${between}-${between + 60 * MINUTE}`;

test('figures are those of the span, held against the one before', async ({ enter }) => {
  const { page } = await enter(home);
  await visit(page, `/?range=${later()}`);
  await expect(figure(page, 'Requests').locator('.value')).toHaveText('5');
  await expect(figure(page, 'Requests')).toContainText('+150%');
  const [now, before] = [await told(`since_ms=${between}&until_ms=${between + 60 * MINUTE}`), await told(`since_ms=${between - 60 * MINUTE}&until_ms=${between}`)];
  expect([now.total.exchanges, before.total.exchanges]).toEqual([5, 2]);
  const change = (is: number, was: number) => (is / was >= 10 ? `×${Math.round(is / was)}` : `${is < was ? '−' : '+'}${Math.abs((is / was - 1) * 100) < 10 && is !== was ? Math.abs((is / was - 1) * 100).toFixed(1) : Math.round(Math.abs((is / was - 1) * 100))}%`);
  await expect(figure(page, 'Spend').locator('.more')).toContainText(change(now.total.cost_nanos, before.total.cost_nanos));
  await expect(figure(page, 'Latency').locator('.more')).toContainText(change(now.spread.total.p50_us, before.spread.total.p50_us));
  await expect(figure(page, 'First byte').locator('.more')).toContainText(change(now.spread.first_byte.p50_us, before.spread.first_byte.p50_us));
  const hits = ({ total: { counts } }: { total: { counts: Record<string, number> } }) => (100 * (counts['cache_read'] ?? 0)) / ((counts['input_uncached'] ?? 0) + (counts['cache_read'] ?? 0) + (counts['cache_write_5m'] ?? 0) + (counts['cache_write_1h'] ?? 0));
  const moved = hits(now) - hits(before);
  await expect(figure(page, 'Cache hits').locator('.more')).toContainText(`${moved < 0 ? '−' : '+'}${Math.abs(moved).toFixed(1)} pts`);
});

test('figures follow what the page is narrowed to, and rows what it is told apart by', async ({ enter }) => {
  const { page } = await enter(home);
  await visit(page, `/?range=${later()}`);
  const rows = page.getByRole('region', { name: 'By model' }).locator('tbody tr');
  await expect(rows).toHaveCount(3);
  await rows.filter({ hasText: /^ok/ }).locator('.name').click();
  await expect(figure(page, 'Requests').locator('.value')).toHaveText('3');
  await expect(figure(page, 'Requests')).toContainText('+200%');
  await expect(figure(page, 'Failed attempts').locator('.value')).toHaveText('0');
  await page.getByRole('button', { name: 'Drop the filter Model ok' }).click();
  await expect(figure(page, 'Requests').locator('.value')).toHaveText('5');
  await page.getByRole('button', { name: 'Group by:' }).click();
  await page.getByRole('dialog', { name: 'Group by' }).getByRole('button', { name: 'Outcome' }).click();
  const ends = page.getByRole('region', { name: 'By outcome' }).locator('tbody tr');
  await expect(ends).toHaveCount(2);
  await expect(ends.filter({ hasText: /^ok/ }).locator('td').nth(3)).toHaveText('4');
  // What changed is the rows of both spans.
  await ends.filter({ hasText: /^ok/ }).locator('td').nth(2).getByRole('link').click();
  await expect(page.getByRole('region', { name: 'Requests' }).locator('tbody tr')).toHaveCount(6);
});

test('zooming in changes the figures, and the way back leads to where one was', async ({ enter }) => {
  const { page } = await enter(home);
  await visit(page, '/?range=7d');
  await expect(figure(page, 'Requests').locator('.value')).toHaveText('7');
  const chart = page.getByRole('figure', { name: /over time/ });
  await expect(chart.locator('canvas')).toBeAttached();
  await chart.focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/range=\d+-\d+/);
  await settled(page);
  await chart.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/from=7d&from=\d/);
  // The first hour of the day: nobody asked anything then, or all did.
  const [, since, to_] = /range=(\d+)-(\d+)/.exec(page.url())!;
  const { total } = await told(`since_ms=${since}&until_ms=${to_}`);
  await expect(total.exchanges > 0 ? figure(page, 'Requests').locator('.value') : page.getByText('No requests in this span')).toContainText(total.exchanges > 0 ? String(total.exchanges) : 'No requests');
  await page.getByRole('button', { name: 'Back to the span before' }).click();
  await expect(page).toHaveURL(/from=7d$|from=7d&range/);
  await page.getByRole('button', { name: 'Back to last 7 days' }).click();
  await expect(page).toHaveURL(/\?range=7d$/);
  await expect(figure(page, 'Requests').locator('.value')).toHaveText('7');
});

test('times are told by how long ago they were, and exactly on hover', async ({ enter }) => {
  const { page } = await enter(home);
  for (const path of ['/', '/requests', '/access', '/audit']) {
    await visit(page, path);
    const times = page.locator('main time');
    await expect(times.first()).toBeVisible();
    for (const time of await times.all()) {
      const [at, title] = [await time.getAttribute('datetime'), await time.getAttribute('title')];
      const is = await page.evaluate((text) => {
        const when = new Date(text);
        const two = (value: number) => String(value).padStart(2, '0');
        return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())} ${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
      }, at!);
      expect(title, `${path}: ${at}`).toMatch(new RegExp(`^${is} [+−]\\d\\d:\\d\\d$`));
    }
  }
});

test('nothing in a span is not nothing ever', async ({ enter }) => {
  const { page } = await enter(home);
  await visit(page, '/?range=1000000000000-1000003600000');
  await expect(page.getByText('No requests in this span')).toBeVisible();
  await expect(page.getByText('No requests yet')).toHaveCount(0);
  await page.getByRole('link', { name: 'Show that day' }).click();
  await expect(figure(page, 'Requests').locator('.value')).toHaveText('7');
  const bare = await enter('empty');
  await visit(bare.page, '/');
  await expect(bare.page.getByText('No requests yet')).toBeVisible();
});

test('numbers lead to exactly the rows behind them', async ({ enter }) => {
  const { page } = await enter(home);
  const rows = page.getByRole('region', { name: 'Requests' }).locator('tbody tr');
  /** Follows a link that says how many requests it is about. */
  const leads = async (path: string, link: (page: Page) => Locator, many: number) => {
    await visit(page, path);
    await link(page).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Requests');
    await settled(page);
    await expect(rows, `${path}: ${page.url()}`).toHaveCount(many);
  };
  await leads(`/?range=${later()}`, (on) => figure(on, 'Requests'), 5);
  await leads(`/?range=${later()}`, (on) => figure(on, 'Failed attempts'), 1);
  await leads(`/?range=${later()}`, (on) => on.locator('section').filter({ hasText: 'Failures' }).getByRole('link', { name: /× simulator/ }), 1);
  await leads(`/?range=${later()}&by=session`, (on) => on.getByRole('region', { name: 'By session' }).locator('tbody td').nth(3).getByRole('link'), 5);
  await leads('/?range=7d', (on) => on.locator('section').filter({ hasText: 'Tokens by bucket' }).getByRole('listitem').filter({ hasText: 'of output: reasoning' }).getByRole('link'), 2);
  await leads('/?range=7d', (on) => on.locator('section').filter({ hasText: 'Expected' }).getByRole('link').first(), 7);
  const { calls } = (await call(home.url, home.key, 'GET', '/admin/api/providers/simulator')).data;
  const { total } = await told('period=7d');
  expect(calls).toBe(total.attempts);
  await leads('/providers?provider=simulator', (on) => on.getByRole('dialog', { name: 'simulator' }).locator('.figure').getByRole('link'), 7);
  await leads('/routing?view=endpoints', (on) => on.getByRole('row', { name: /simulator\/think/ }).getByRole('link').first(), 2);
  await leads('/routing?view=endpoints', (on) => on.getByRole('row', { name: /s503/ }).getByRole('link', { name: '100%' }), 1);
});

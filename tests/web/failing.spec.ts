// A question that fails: the page says what went wrong, claims nothing about what it does not know, and asks again when it is told to.
import type { Route } from '@playwright/test';
import { expect, test, visit, world } from './support/site';

/** Where, and what of the API fails there. */
const places = (): [string, RegExp, string?][] => [
  ['/', /\/admin\/api\/usage/],
  ['/me', /\/admin\/api\/(me\/usage|sessions)/],
  [`/access?token=${world().full.run}`, /\/admin\/api\/usage/, 'dialog[open]'],
  [`/access?token=${world().full.run}`, /\/admin\/api\/tokens\//, 'dialog[open]'],
  ['/models?model=simulator%2Fok', /\/admin\/api\/usage/, 'dialog[open]'],
  ['/models', /\/admin\/api\/models/],
  ['/requests', /\/admin\/api\/usage/],
  ['/runs', /\/admin\/api\/me\/runs/],
  ['/runs?view=sessions', /\/admin\/api\/usage/],
  ['/access', /\/admin\/api\/tokens/],
  ['/routing?view=endpoints', /\/admin\/api\/endpoints/],
  ['/conversations', /\/admin\/api\/settings/],
  ['/conversations', /\/admin\/api\/usage\/dimensions/],
];

test('what fails at first is told, and can be tried again', async ({ enter }) => {
  test.slow();
  const { page, guard } = await enter('full');
  guard.allow(/500/);
  await visit(page, '/network');
  const refuse = (route: Route) => route.fulfill({ status: 500, contentType: 'application/json', body: JSON.stringify({ error: { code: 'broken', message: 'It broke on purpose.', advice: 'Try again.' } }) });
  for (const [path, what, within = 'main'] of places()) {
    await test.step(`${path} ${what.source}`, async () => {
      await page.route(what, refuse);
      await visit(page, path);
      const box = page.locator(within).last();
      const told = box.getByRole('alert').filter({ hasText: 'It broke on purpose.' });
      await expect(told.first()).toBeVisible();
      await expect(box.locator('.empty'), 'what claims that there is nothing').toHaveCount(0);
      await expect(box.getByText(/Nothing was used|Nothing failed|Nobody asked for it|Quiet for an hour/)).toHaveCount(0);
      await page.unroute(what, refuse);
      await expect(async () => {
        const again = told.getByRole('button', { name: 'Try again' });
        if (await again.count()) await again.first().click({ timeout: 1_000 });
        await expect(told).toHaveCount(0, { timeout: 500 });
      }).toPass();
      await visit(page, '/network');
    });
  }
});

test('forms tell which of their choices could not be loaded, and ask again', async ({ enter }) => {
  const { page, guard } = await enter('full');
  guard.allow(/500/);
  const refuse = (route: Route) => route.fulfill({ status: 500, contentType: 'application/json', body: JSON.stringify({ error: { code: 'broken', message: 'It broke on purpose.', advice: 'Try again.' } }) });
  const fails = async (what: RegExp, open: () => Promise<void>): Promise<void> => {
    await page.route(what, refuse);
    await open();
    const told = page.locator('dialog[open]').last().getByRole('alert').filter({ hasText: 'It broke on purpose.' });
    await expect(told).toBeVisible();
    await page.unroute(what, refuse);
    await told.getByRole('button', { name: 'Try again' }).click();
    await expect(told).toHaveCount(0);
    await page.keyboard.press('Escape');
  };
  await visit(page, '/providers');
  await fails(/\/admin\/api\/secrets/, async () => {
    await page.getByRole('button', { name: 'Add provider' }).first().click();
    await page.getByRole('button', { name: /^Another one/ }).click();
    await page.getByRole('radio', { name: 'Stored secret' }).check();
  });
  // What is only looked up while somebody types is asked again by typing.
  await visit(page, '/access');
  await page.route(/\/admin\/api\/tokens\?.*limit=20/, refuse);
  await page.getByRole('button', { name: 'New token' }).first().click();
  const below = page.getByLabel(/^Below/);
  await below.fill('te');
  await expect(page.getByText(/The tokens could not be listed: It broke on purpose/)).toBeVisible();
  await page.unroute(/\/admin\/api\/tokens\?.*limit=20/, refuse);
  await below.fill('team');
  await expect(page.getByText(/The tokens could not be listed/)).toHaveCount(0);
  await visit(page, '/routing');
  await fails(/\/admin\/api\/providers\?/, () => page.getByRole('button', { name: 'New alias' }).first().click());
});

test('an answer that comes late takes nothing away that was told meanwhile', async ({ enter }) => {
  const { page, guard } = await enter('full');
  // Until the question is asked there is no stream.
  guard.allow(/ERR_FAILED.*live/);
  const one = (id: string) => ({ id, request: `req_${id}`, started_ms: Date.now(), total_us: 1000, provider: 'simulator', model: id, surface: 'chat', status: 200, outcome: 'ok', stream: false, counts: { input_uncached: 1, output: 1 }, cost_nanos: 1 });
  let [answer, asked] = [(): void => undefined, 0];
  const held = new Promise<void>((done) => (answer = done));
  await page.route(/\/usage\/requests/, async (route) => {
    asked += 1;
    await held;
    await route.fulfill({ json: { requests: [{ id: 'req_old', attempts: [one('old')] }], next: null } });
  });
  await page.route('**/admin/api/live*', (route) => {
    const events = [['hello', { version: '1', started_ms: 0, now_ms: 0, topics: [], heartbeat_ms: 15_000 }], ['usage', { at_ms: 0, span_ms: 1000, requests: 1, attempts: 1, failures: 0, counts: {}, cost_nanos: 1, unpriced_nanos: 0, savings_nanos: 0, rows: [one('new')], left_out: 0 }]] as const;
    return asked > 0 ? route.fulfill({ contentType: 'text/event-stream', body: events.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join('') }) : route.abort();
  });
  await page.goto('/admin');
  const feed = page.getByRole('region', { name: 'Latest attempts' });
  await expect(feed.getByText('simulator/new')).toBeVisible({ timeout: 20_000 });
  answer();
  await expect(feed.getByText('simulator/old')).toBeVisible();
  await expect(feed.getByText('simulator/new')).toBeVisible();
  await page.unrouteAll({ behavior: 'ignoreErrors' });
});

test('that no models can be suggested is said where one is typed', async ({ enter }) => {
  const { page, guard } = await enter('full');
  guard.allow(/500/);
  const refuse = (route: Route) => route.fulfill({ status: 500, contentType: 'application/json', body: JSON.stringify({ error: { code: 'broken', message: 'It broke on purpose.', advice: 'Try again.' } }) });
  for (const path of ['/playground', '/routing?view=explain']) {
    await visit(page, path);
    await page.route(/\/admin\/api\/models/, refuse);
    const field = page.getByLabel('Model', { exact: true });
    await field.fill('simulator/o');
    await expect(page.getByText('Models cannot be suggested (It broke on purpose); any name can be typed.')).toBeVisible();
    await page.unroute(/\/admin\/api\/models/, refuse);
    await field.fill('simulator/ok');
    await expect(page.getByText('Models cannot be suggested')).toHaveCount(0);
    await expect(page.locator('datalist option[value="simulator/ok"]')).toHaveCount(1);
  }
});

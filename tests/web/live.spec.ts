// The live stream: when it breaks and comes back, nothing moves under whoever reads or writes; a new version offers a reload.
import { HEAD, provider } from './support/gateway.mjs';
import { own, type Own } from './support/own';
import { call } from './support/traffic.mjs';
import { expect, settled, test, visit } from './support/site';

let home: Own;
test.beforeAll(async () => {
  home = await own((url) => HEAD + provider('simulator', url));
  for (let at = 0; at < 40; at++) await call(home.url, home.key, 'POST', '/admin/api/tokens', { name: `client-${String(at).padStart(2, '0')}`, role: 'inferrer' });
});
test.afterAll(() => home?.end());

test('the gateway is started anew under the page: scroll, focus, selection and edits stay, and figures go on', async ({ enter }) => {
  const { page, guard } = await enter(home);
  guard.allow(/502|ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|ERR_INCOMPLETE/);
  const live = page.getByRole('button', { name: 'Live', exact: true });
  await visit(page, '/access');
  await expect(live).toBeVisible();
  const row = page.getByRole('row', { name: /client-30/ });
  await row.focus();
  await row.evaluate((one) => {
    one.scrollIntoView({ block: 'center' });
    getSelection()?.selectAllChildren(one.querySelector('.name')!);
  });
  const scrolled = await page.evaluate(() => scrollY);
  expect(scrolled).toBeGreaterThan(100);
  await home.again(async () => await expect(live).toBeHidden());
  await expect(live).toBeVisible({ timeout: 20_000 });
  // Somebody else makes a token; it comes by itself, and nothing else moves.
  await call(home.url, home.key, 'POST', '/admin/api/tokens', { name: 'newcomer', role: 'inferrer' });
  await call(home.url, home.key, 'POST', '/v1/chat/completions', { model: 'simulator/ok', messages: [{ role: 'user', content: 'hello' }] });
  await expect(page.getByRole('row', { name: /newcomer/ })).toBeAttached({ timeout: 20_000 });
  await expect(row).toBeFocused();
  expect(await page.evaluate(() => scrollY)).toBe(scrolled);
  expect(await page.evaluate(() => getSelection()?.toString().trim())).toBe('client-30');
});

test('the gateway is started anew while somebody writes: the form is as it was, and can be sent', async ({ enter }) => {
  const { page, guard } = await enter(home);
  guard.allow(/502|ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|ERR_INCOMPLETE/);
  await visit(page, '/access');
  await page.getByRole('button', { name: 'New token' }).first().click();
  const name = page.getByRole('textbox', { name: 'Name · optional' });
  await name.fill('half written');
  let problem = '';
  await home.again(async () => {
    await page.getByRole('button', { name: 'Make the token' }).click();
    problem = await page.getByRole('dialog').getByRole('alert').innerText();
  });
  expect(problem).toMatch(/does not answer|without saying why/);
  await expect(name).toHaveValue('half written');
  await page.getByRole('button', { name: 'Make the token' }).click();
  await expect(page.getByRole('dialog', { name: '“half written” is ready' })).toBeVisible();
});

test('another version of the gateway offers a reload, and does not reload by itself', async ({ enter }) => {
  const { page } = await enter(home);
  let streams = 0;
  await page.route('**/admin/api/live*', (route) => {
    streams += 1;
    const hello = JSON.stringify({ version: streams > 1 ? '99.0.0' : '1.0.0', started_ms: 0, now_ms: 0, topics: [], heartbeat_ms: 15_000 });
    return route.fulfill({ contentType: 'text/event-stream', body: `event: hello\ndata: ${hello}\n\n` });
  });
  await visit(page, '/settings');
  const attempts = page.locator('#section-routing').getByLabel('attempts', { exact: true });
  await attempts.fill('4');
  const offer = page.getByRole('status').filter({ hasText: 'torod was updated' });
  await expect(offer).toBeVisible({ timeout: 20_000 });
  await expect(attempts).toHaveValue('4');
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await offer.getByRole('button', { name: 'Reload' }).click();
  await settled(page);
  await expect(offer).toBeHidden();
});

test('updates are paused and go on', async ({ enter }) => {
  const { page } = await enter(home);
  await visit(page, '/');
  await page.getByRole('button', { name: 'Live', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Paused' })).toBeVisible();
  await call(home.url, home.key, 'POST', '/v1/chat/completions', { model: 'simulator/think', messages: [{ role: 'user', content: 'hello' }] });
  await page.getByRole('button', { name: 'Paused' }).click();
  await expect(page.getByRole('region', { name: 'Latest attempts' }).getByText('simulator/think').first()).toBeVisible({ timeout: 20_000 });
});

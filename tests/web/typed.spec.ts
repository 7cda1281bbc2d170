// Forms by the keyboard alone: gone to with Tab, filled, sent with Enter; and focus is back where it was.
import { createServer } from 'node:net';
import type { Locator, Page } from '@playwright/test';
import { HEAD, provider } from './support/gateway.mjs';
import { own } from './support/own';
import { call } from './support/traffic.mjs';
import { expect, settled, test, visit } from './support/site';

/** Tabs until something has the focus. */
async function tabTo(page: Page, what: Locator): Promise<void> {
  await expect(what).toBeVisible();
  for (let step = 0; step < 120; step++) {
    if (await what.evaluate((one) => one === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never comes to ${what}`);
}
/** Goes to a button and presses it. */
async function press(page: Page, what: Locator): Promise<void> {
  await tabTo(page, what);
  await page.keyboard.press('Enter');
}
async function fill(page: Page, what: Locator, text: string): Promise<void> {
  await tabTo(page, what);
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
}
const top = (page: Page): Locator => page.locator('dialog[open]').last();

test('a token is made, and its budget changed', async ({ enter }) => {
  const { page, gateway } = await enter('flows');
  await visit(page, '/access');
  const begin = page.getByRole('button', { name: 'New token' }).first();
  await press(page, begin);
  await expect(page.getByRole('dialog', { name: 'New token' })).toBeVisible();
  await fill(page, top(page).getByRole('textbox', { name: 'Name · optional' }), 'typed');
  await press(page, top(page).getByRole('button', { name: 'Make the token' }));
  const made = page.getByRole('dialog', { name: '“typed” is ready' });
  await expect(made).toBeVisible();
  await press(page, made.getByRole('button', { name: 'I have the key' }));
  const sure = page.getByRole('dialog', { name: 'Close without a copy?' });
  await press(page, sure.getByRole('button', { name: 'I have it' }));
  await expect(page.locator('dialog[open]')).toHaveCount(0);
  await expect(begin).toBeFocused();

  const row = page.getByRole('row', { name: /^typed/ });
  await tabTo(page, page.locator('tbody tr[tabindex="0"]'));
  for (let step = 0; step < 60 && !(await row.evaluate((one) => one === document.activeElement)); step++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  const detail = page.getByRole('dialog', { name: 'typed', exact: true });
  await expect(detail.getByRole('heading', { name: 'Budgets' })).toBeVisible();
  await press(page, detail.getByRole('button', { name: 'Change' }));
  const form = page.getByRole('dialog', { name: 'Change “typed”' });
  await expect(form).toBeVisible();
  await press(page, form.getByRole('button', { name: 'Add a budget' }));
  await tabTo(page, form.getByLabel('Of what'));
  await page.keyboard.type('req');
  await fill(page, form.getByLabel('How much'), '1,000');
  // Enter in a field sends a form.
  await page.keyboard.press('Enter');
  await expect(form).toBeHidden();
  await expect(detail.getByText('0 of 1,000 requests').first()).toBeVisible();
  const { data } = await call(gateway.url, gateway.key, 'GET', '/admin/api/tokens?q=typed');
  expect(data.tokens[0].budgets).toMatchObject([{ unit: 'requests', limit: 1000 }]);
  await expect(detail.getByRole('button', { name: 'Change' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(row).toBeFocused();
});

test('a provider is added by its address', async ({ enter }) => {
  const { page, gateway } = await enter('flows');
  await visit(page, '/providers');
  await press(page, page.getByRole('button', { name: 'Add provider' }));
  await press(page, top(page).getByRole('button', { name: /^Another one/ }));
  await fill(page, top(page).getByLabel('Address'), `${gateway.second}/v1`);
  await fill(page, top(page).getByLabel('Name'), 'typed');
  await page.keyboard.press('Enter');
  const detail = page.getByRole('dialog', { name: 'typed', exact: true });
  await expect(detail).toBeVisible();
  // Its models are told a moment after it is there, and shown without a reload.
  await expect(detail.locator('.models a').first()).toBeVisible({ timeout: 20_000 });
  await page.keyboard.press('Escape');
  await expect(page.locator('dialog[open]')).toHaveCount(0);
  await expect(page.getByRole('row', { name: /typed/ })).toBeVisible();
});

test('an alias is made', async ({ enter }) => {
  const { page, gateway } = await enter('ways');
  await visit(page, '/routing');
  const begin = page.getByRole('button', { name: 'New alias' }).first();
  await press(page, begin);
  await fill(page, top(page).getByLabel('Name', { exact: true }), 'typed');
  await tabTo(page, top(page).getByLabel('Provider of target 1'));
  await page.keyboard.type('one');
  await fill(page, top(page).getByLabel('Model of target 1'), 'ok');
  await press(page, top(page).getByRole('button', { name: 'Make the alias' }));
  await expect(page.getByText('“typed” is there')).toBeVisible();
  await expect(page.locator('dialog[open]')).toHaveCount(0);
  await expect(begin).toBeFocused();
  const { status } = await call(gateway.url, gateway.key, 'POST', '/v1/chat/completions', { model: 'typed', messages: [{ role: 'user', content: 'hello' }] });
  expect(status).toBe(200);
});

test('another address is tried and taken back', async ({ enter }) => {
  const one = await own((url) => HEAD + provider('simulator', url));
  const port = await new Promise<number>((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as { port: number };
      server.close(() => done(free));
    });
  });
  try {
    const { page, guard } = await enter(one);
    // The live stream ends with the listener that it came by, and is taken up again.
    guard.allow(/(ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET|EMPTY_RESPONSE)|502).*\/live/);
    await visit(page, '/network');
    const begin = page.getByRole('button', { name: 'Change listeners and TLS' });
    await press(page, begin);
    await fill(page, top(page).getByLabel('More addresses'), `127.0.0.1:${port}`);
    await press(page, top(page).getByRole('button', { name: 'Try it' }));
    await expect(page.getByText('A change of the network is being tried.')).toBeVisible();
    await expect(page.locator('dialog[open]')).toHaveCount(0);
    await expect(begin).toBeFocused();
    await press(page, page.getByRole('button', { name: 'Take it back' }));
    await expect(page.getByText('The change was taken back.')).toBeVisible();
    await settled(page);
  } finally {
    await one.end();
  }
});

test('panels that open below their buttons', async ({ enter }) => {
  const { page } = await enter('full');
  await visit(page, '/requests');
  const button = page.getByRole('button', { name: 'Export' });
  await press(page, button);
  const first = page.getByRole('link', { name: 'Every attempt as CSV' });
  await expect(first).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await expect(first).not.toBeFocused();
  await page.keyboard.press('Escape');
  await expect(first).toBeHidden();
  await expect(button).toBeFocused();
});

// Who gets in, and what becomes of a key: sign-in, a token's life, and a session that ends while somebody writes.
import { call } from './support/traffic.mjs';
import { expect, settled, test } from './support/site';

test('signing in: a wrong key is told of, the right one opens the pages', async ({ enter }) => {
  const { page, guard, gateway } = await enter('flows', { isSignedOut: true });
  guard.allow(/401/);
  await page.goto('/admin');
  const key = page.getByLabel('Key of a token');
  await expect(key).toBeFocused();
  await key.fill('tr_wrong');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toBeVisible();
  await key.fill(gateway.key);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
});

test('a token: made, copied once, used, revoked', async ({ enter }) => {
  const { page, gateway, context } = await enter('flows');
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/admin/access');
  await page.getByRole('button', { name: 'New token' }).first().click();
  await page.getByRole('textbox', { name: 'Name · optional' }).fill('laptop of Ada');
  await page.getByRole('button', { name: 'Make the token' }).click();
  const made = page.getByRole('dialog', { name: /is ready/ });
  const key = await made.getByLabel('The key').inputValue();
  expect(key).toMatch(/^tr_/);
  await made.getByRole('button', { name: 'Copy', exact: true }).first().click();
  await expect(made.getByText('Copied. Keep it')).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key);
  await made.getByRole('button', { name: 'I have the key' }).click();
  await expect(page.locator('body')).not.toContainText(key);

  const ask = () => call(gateway.url, key, 'POST', '/v1/chat/completions', { model: 'one/ok', messages: [{ role: 'user', content: 'hello' }] });
  expect((await ask()).status).toBe(200);

  await page.getByRole('row', { name: /laptop of Ada/ }).click();
  const detail = page.getByRole('dialog', { name: 'laptop of Ada' });
  await detail.getByRole('button', { name: 'Revoke' }).click();
  const sure = page.getByRole('dialog', { name: /Revoke “laptop of Ada”/ });
  await expect(sure).toContainText('cannot be undone');
  await expect(sure.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await sure.getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByText(/1 token ended/)).toBeVisible();
  expect((await ask()).status).toBe(401);
});

test('a session that ends while somebody writes loses nothing of it', async ({ enter }) => {
  const { page, guard, gateway, context } = await enter('flows');
  guard.allow(/401/);
  await page.goto('/admin/access');
  await settled(page);
  await page.getByRole('button', { name: 'New token' }).first().click();
  await page.getByRole('textbox', { name: 'Name · optional' }).fill('written before it ended');
  await context.clearCookies();
  await page.getByRole('button', { name: 'Make the token' }).click();
  const again = page.getByRole('dialog', { name: 'Your session has ended' });
  await expect(again).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(again).toBeVisible();
  await again.getByLabel('Key of a token').fill(gateway.key);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: '“written before it ended” is ready' })).toBeVisible();
});

test('the first run: a code from elsewhere or none on the machine, a token, a provider, a client', async ({ enter }) => {
  const { page, gateway } = await enter('fresh', { isSignedOut: true });
  await page.goto('/admin');
  await expect(page.getByRole('button', { name: 'Make the first admin token' })).toBeVisible();
  const code = page.getByLabel('Setup code');
  if (await code.isVisible()) await code.fill(gateway.code ?? '');
  await page.getByRole('button', { name: 'Make the first admin token' }).click();
  await expect(page.getByLabel('The key')).toHaveValue(/^tr_/);
  const key = await page.getByLabel('The key').inputValue();
  expect((await call(gateway.url, key, 'GET', '/admin/api/me')).data.role).toBe('admin');
  await page.getByRole('button', { name: /I have it/ }).click();
  // The simulator is there already; whoever has a provider goes on.
  await expect(page.getByRole('heading', { name: 'Connect a provider' })).toBeVisible();
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect(page.getByRole('heading', { name: 'Point a client at it' })).toBeVisible();
  await page.getByRole('button', { name: 'Make a token for the first client' }).click();
  const done = page.getByRole('button', { name: 'Done: show the overview' });
  await expect(done).toBeEnabled();
  await done.click();
  await expect(page.getByRole('navigation', { name: 'Pages' })).toBeVisible();
});

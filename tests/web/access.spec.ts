// Who gets in, and what becomes of a key: sign-in, a token's life, and a session that ends while somebody writes.
import { call } from './support/traffic.mjs';
import { agree, cutOff, expect, overflow, settled, test, violations, visit } from './support/site';

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

test('a token: made with a budget, copied once, used up, given a new key, revoked', async ({ enter }) => {
  const { page, gateway, context } = await enter('flows');
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await visit(page, '/access');
  await page.getByRole('button', { name: 'New token' }).first().click();
  await page.getByRole('textbox', { name: 'Name · optional' }).fill('laptop-7');
  await page.getByRole('button', { name: 'Add a budget' }).click();
  await page.getByLabel('Of what').selectOption('requests');
  await page.getByLabel('Within which time').selectOption('day');
  await page.getByLabel('How much').fill('many');
  await page.getByRole('button', { name: 'Make the token' }).click();
  await expect(page.getByText('Write a number such as')).toBeVisible();
  await page.getByLabel('How much').fill('3');
  await page.getByRole('button', { name: 'Make the token' }).click();
  const made = page.getByRole('dialog', { name: /is ready/ });
  const key = await made.getByLabel('The key').inputValue();
  expect(key).toMatch(/^tr_/);
  await made.getByRole('button', { name: 'Copy', exact: true }).first().click();
  await expect(made.getByText('Copied. Keep it')).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key);
  await made.getByText('Claude Code', { exact: true }).click();
  await expect(made.getByLabel('For Claude Code')).toContainText(key);
  await made.getByRole('button', { name: 'I have the key' }).click();
  await expect(page.locator('body')).not.toContainText(key);
  // Nor does any answer of the API, or the page after a reload, have it.
  await page.reload();
  await settled(page);
  expect(await page.content()).not.toContain(key);

  const ask = (as: string) => call(gateway.url, as, 'POST', '/v1/chat/completions', { model: 'one/ok', messages: [{ role: 'user', content: 'hello' }] });
  expect((await ask(key)).status).toBe(200);
  expect((await ask(key)).status).toBe(200);

  await page.getByRole('row', { name: /laptop-7/ }).click();
  const detail = page.getByRole('dialog', { name: 'laptop-7' });
  await expect(detail.getByText('2 of 3 requests a day').first()).toBeVisible();
  await detail.getByRole('button', { name: 'New key' }).click();
  const sure = page.getByRole('dialog', { name: 'Give “laptop-7” a new key?' });
  await expect(sure).toContainText('one hour');
  await agree(page, 'Make a new key');
  const renewed = page.getByRole('dialog', { name: 'The new key of “laptop-7”' });
  const second = await renewed.getByLabel('The key').inputValue();
  expect(second).toMatch(/^tr_/);
  expect(second).not.toBe(key);
  // It is not lost by a slip: neither by Esc nor by a click beside it, and without a copy only when somebody says so.
  await page.keyboard.press('Escape');
  await page.mouse.click(5, 5);
  await expect(renewed.getByLabel('The key')).toHaveValue(second);
  await renewed.getByRole('button', { name: 'I have the key' }).click();
  await expect(page.getByRole('dialog', { name: 'Close without a copy?' })).toContainText('cannot be shown again');
  await agree(page, 'I have it');
  await expect(renewed).toBeHidden();
  // Both open for an hour, and both draw from the one budget.
  expect((await ask(second)).status).toBe(200);
  expect((await ask(key)).status).toBe(429);

  await detail.getByRole('button', { name: 'Revoke' }).click();
  const gone = page.getByRole('dialog', { name: /Revoke “laptop-7”/ });
  await expect(gone).toContainText('cannot be undone');
  await expect(gone.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await agree(page, 'Revoke');
  await expect(page.getByText(/1 token ended/)).toBeVisible();
  expect((await ask(key)).status).toBe(401);
  expect((await ask(second)).status).toBe(401);
  await page.getByText('Revoked', { exact: true }).click();
  await expect(page.getByRole('row', { name: /laptop-7/ })).toBeVisible();
});

test('a session that ends while somebody writes loses nothing of it', async ({ enter }) => {
  const { page, guard, gateway, context } = await enter('flows');
  guard.allow(/401/);
  await call(gateway.url, gateway.key, 'PUT', '/admin/api/aliases/written', { targets: [{ provider: 'one', model: 'ok' }] }, { 'if-match': '*' });
  const again = page.getByRole('dialog', { name: 'Your session has ended' });
  const back = async (): Promise<void> => {
    await expect(again).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(again).toBeVisible();
    await again.getByLabel('Key of a token').fill(gateway.key);
    await page.keyboard.press('Enter');
    await expect(again).toBeHidden();
  };
  // Something in the background may learn of it first, and its question lie above the form: pressed is pressed, and typed is typed.
  const press = (name: string): Promise<void> => page.getByRole('button', { name }).evaluate((button: HTMLButtonElement) => button.click());
  await test.step('a form whose change is sent', async () => {
    await visit(page, '/access');
    await page.getByRole('button', { name: 'New token' }).first().click();
    await page.getByRole('textbox', { name: 'Name · optional' }).fill('written before it ended');
    await context.clearCookies();
    await press('Make the token');
    await back();
    await expect(page.getByRole('dialog', { name: '“written before it ended” is ready' })).toBeVisible();
    await page.getByRole('button', { name: 'I have the key' }).click();
    await agree(page, 'I have it');
  });
  await test.step('somebody else with the same rights signs in: the form is as it was', async () => {
    const other = (await call(gateway.url, gateway.key, 'POST', '/admin/api/tokens', { name: 'the other admin', role: 'admin' })).data.key;
    await visit(page, '/access');
    await page.getByRole('button', { name: 'New token' }).first().click();
    await page.getByRole('textbox', { name: 'Name · optional' }).fill('written by another');
    await context.clearCookies();
    await press('Make the token');
    await expect(again).toBeVisible();
    await again.getByLabel('Key of a token').fill(other);
    await page.keyboard.press('Enter');
    await expect(again).toBeHidden();
    await expect(page.getByRole('dialog', { name: '“written by another” is ready' })).toBeVisible();
    await page.getByRole('button', { name: 'I have the key' }).click();
    await agree(page, 'I have it');
    await expect(page.getByRole('navigation', { name: 'Pages' }).getByText('the other admin')).toBeVisible();
  });
  await test.step('a page with a form that is not saved is not left by a reload', async () => {
    await page.getByRole('button', { name: 'New token' }).first().click();
    const name = page.getByRole('textbox', { name: 'Name · optional' });
    await name.click();
    await page.keyboard.type('unsaved');
    page.removeAllListeners('dialog');
    const asked = new Promise<string>((done) => page.once('dialog', (dialog) => { done(dialog.type()); void dialog.dismiss(); }));
    await page.evaluate(() => setTimeout(() => location.reload()));
    expect(await asked).toBe('beforeunload');
    await expect(name).toHaveValue('unsaved');
    page.on('dialog', (dialog) => void dialog.accept().catch(() => undefined));
    await page.keyboard.press('Escape');
  });
  await test.step('a form in the middle of which something else is asked', async () => {
    await visit(page, '/routing');
    await page.getByRole('button', { name: 'Change written' }).click();
    const model = page.getByLabel('Model of target 1');
    await context.clearCookies();
    await model.evaluate((input: HTMLInputElement) => {
      input.value = 'ok+chunks=3';
      input.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await back();
    await expect(model).toHaveValue('ok+chunks=3');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByText('“written” was changed')).toBeVisible();
  });
  await test.step('settings', async () => {
    await visit(page, '/settings?q=attempts');
    const attempts = page.locator('#section-routing').getByLabel('attempts', { exact: true });
    await attempts.fill('4');
    await context.clearCookies();
    await press('Save');
    await back();
    await expect(page.getByText('In force:')).toBeVisible();
    await expect(attempts).toHaveValue('4');
  });
});

test('the first run: a code from elsewhere or none on the machine, a token, a provider that is tried, a client', async ({ enter }) => {
  const { page, gateway } = await enter('fresh', { isSignedOut: true });
  /** Each step as people see it: light and dark, wide and on a phone. */
  const looks = async (): Promise<void> => {
    for (const [colorScheme, width] of [['light', 1440], ['dark', 1440], ['light', 390], ['dark', 390]] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      expect.soft([...await violations(page), ...await overflow(page), ...await cutOff(page)], `${colorScheme}, ${width} px`).toEqual([]);
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1440, height: 900 });
  };
  await page.goto('/admin');
  const make = page.getByRole('button', { name: 'Make the first admin token' });
  await expect(make).toBeVisible();
  const code = page.getByLabel('Setup code');
  if (await code.isVisible()) await code.fill(gateway.code ?? '');
  await page.getByLabel('Name of your token').fill('owner');
  await make.press('Enter');
  await expect(page.getByLabel('The key')).toHaveValue(/^tr_/);
  const key = await page.getByLabel('The key').inputValue();
  expect((await call(gateway.url, key, 'GET', '/admin/api/me')).data).toMatchObject({ role: 'admin', name: 'owner' });
  await looks();
  await page.getByRole('button', { name: /I have it/ }).click();

  await expect(page.getByRole('heading', { name: 'Connect a provider' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Later' })).toBeVisible();
  await page.getByText('Other…').click();
  await page.getByLabel('Which').fill(`${gateway.first}/v1`);
  await looks();
  await page.getByRole('button', { name: 'Add and test' }).click();
  const tried = page.getByRole('status').filter({ hasText: 'works' });
  await expect(tried).toContainText('A streamed answer', { timeout: 30_000 });
  await looks();
  await page.getByRole('button', { name: 'Go on' }).click();

  await expect(page.getByRole('heading', { name: 'Point a client at it' })).toBeFocused();
  await page.getByRole('checkbox', { name: /Keep conversations/ }).check();
  await page.getByRole('button', { name: 'Make a token for the first client' }).click();
  const client = await page.getByLabel('The key').inputValue();
  await page.getByText('curl', { exact: true }).click();
  const shown = await page.getByLabel('For curl').innerText();
  expect(shown).toContain(client);
  // What is shown is what works: the model that was just tried.
  const { model } = JSON.parse(/'(\{.*\})'/s.exec(shown)![1]!) as { model: string };
  expect((await call(gateway.url, client, 'POST', '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hello' }] })).status).toBe(200);
  await looks();
  const done = page.getByRole('button', { name: 'Done: show the overview' });
  await expect(done).toBeEnabled();
  await done.click();
  await expect(page.getByRole('navigation', { name: 'Pages' })).toBeVisible();
  const { data } = await call(gateway.url, key, 'GET', '/admin/api/settings');
  expect(data.settings.find((one: { key: string }) => one.key === 'conversations.enabled').value).toBe(true);
});

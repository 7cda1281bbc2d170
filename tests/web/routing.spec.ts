// Who answers: a provider from its first word to its removal, and an alias whose targets and profile move the traffic.
import { until } from './support/gateway.mjs';
import { call } from './support/traffic.mjs';
import { agree, expect, settled, test, visit, type Gateway } from './support/site';

const ask = (gateway: Gateway, model: string, content = 'hello') => call(gateway.url, gateway.key, 'POST', '/v1/chat/completions', { model, messages: [{ role: 'user', content }] });
/** How many calls with this word in them a simulator got. */
const calls = async (simulator: string | undefined, word: string): Promise<number> => ((await (await fetch(`${simulator}/calls?with=${word}`)).json()) as unknown[]).length;
/** Asks for a model, with a word that nobody else says, and tells which of the two simulators was called for it. */
async function served(gateway: Gateway, model: string): Promise<string> {
  const word = `who-answers-${Math.random().toString(36).slice(2)}`;
  const asked = await ask(gateway, model, word);
  expect(asked.status, asked.text).toBe(200);
  const [first, second] = [await calls(gateway.first, word), await calls(gateway.second, word)];
  expect(first + second).toBe(1);
  return first === 1 ? 'one' : 'two';
}

test('a provider: added by its address, tried, changed, switched off, given another key, removed', async ({ enter }) => {
  const { page, gateway } = await enter('ways');
  let trials = 0;
  page.on('request', (request) => { if (request.url().endsWith('/providers/added/test')) trials++; });
  await visit(page, '/providers');
  await page.getByRole('button', { name: 'Add provider' }).first().click();
  await page.getByRole('button', { name: /^Another one/ }).click();
  const form = page.getByRole('dialog', { name: 'Your own provider' });
  await form.getByRole('button', { name: 'Add and test' }).click();
  await expect(form.getByLabel('Address')).toHaveAttribute('aria-invalid', 'true');
  await form.getByLabel('Address').fill(`${gateway.second}/v1`);
  await form.getByRole('textbox', { name: 'Name · optional' }).fill('added');
  await form.locator('input[type="password"]').fill('sk-typed-and-sealed');
  await form.getByRole('button', { name: 'Add and test' }).click();
  await expect(page.getByText('It works.')).toBeVisible({ timeout: 30_000 });
  const answer = await ask(gateway, 'added/ok');
  expect(answer.status, answer.text).toBe(200);
  // The key went there, and nobody is shown it.
  const told = await until(async () => (await call(gateway.url, gateway.key, 'GET', '/admin/api/config')).text, 'the configuration');
  expect(told).not.toContain('sk-typed-and-sealed');
  expect(await page.content()).not.toContain('sk-typed-and-sealed');

  const detail = page.getByRole('dialog', { name: 'added' });
  await detail.getByRole('button', { name: 'Change' }).click();
  const edit = page.getByRole('dialog', { name: 'Change “added”' });
  await edit.getByLabel('Priority').fill('70');
  await edit.getByLabel('Between two pieces').fill('90s');
  await edit.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('“added” was changed.')).toBeVisible();
  await expect(detail.getByText('70', { exact: false }).first()).toBeVisible();

  await detail.getByRole('button', { name: 'New key' }).click();
  const key = page.getByRole('dialog', { name: 'New key for “added”' });
  await key.getByLabel('Name').fill('spare');
  await key.locator('input[type="password"]').fill('sk-second');
  await key.getByRole('button', { name: 'Save the key' }).click();
  await expect(page.getByText('“added” has its new key.')).toBeVisible();
  await expect(detail.getByText('spare', { exact: true })).toBeVisible();
  await detail.getByRole('button', { name: 'Take the key spare out' }).click();
  await agree(page, 'Take it out');
  await expect(page.getByText('The key “spare” was taken out.')).toBeVisible();
  await expect(detail.getByText('spare', { exact: true })).toHaveCount(0);
  expect((await ask(gateway, 'added/ok')).status).toBe(200);

  await detail.getByRole('button', { name: 'Switch off' }).click();
  await agree(page, 'Switch off');
  await expect(page.getByText('“added” is off.')).toBeVisible();
  expect((await ask(gateway, 'added/ok')).status).not.toBe(200);
  await detail.getByRole('button', { name: 'Switch on' }).click();
  await expect(page.getByText('“added” is on.')).toBeVisible();
  expect((await ask(gateway, 'added/ok')).status).toBe(200);

  // It is gone before the page is told so, and figures move in between: nothing asks for it any more.
  await page.route('**/admin/api/providers/added', async (route) => {
    if (route.request().method() !== 'DELETE') return route.fallback();
    const removed = await route.fetch();
    const moved = page.waitForRequest('**/admin/api/quotas*', { timeout: 30_000 });
    await ask(gateway, 'one/ok');
    await moved;
    return route.fulfill({ response: removed });
  });
  await detail.getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByRole('dialog', { name: 'Remove “added”?' })).toContainText('torod.toml');
  await agree(page, 'Remove');
  await expect(page.getByText('“added” was removed.')).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole('row', { name: /added/ })).toHaveCount(0);
  expect((await ask(gateway, 'added/ok')).status).not.toBe(200);
  // A trial costs tokens: it was tried once, for all that changed while it was open.
  expect(trials).toBe(1);
});

test('a trial that fails says what fails and what to do', async ({ enter }) => {
  const { page } = await enter('full');
  await visit(page, '/providers?provider=broken');
  const detail = page.getByRole('dialog', { name: 'broken' });
  await detail.getByLabel('Model to ask').fill('some');
  await detail.getByRole('button', { name: 'Test', exact: true }).click();
  await expect(detail.getByText('It does not work yet.')).toBeVisible({ timeout: 30_000 });
  await expect(detail.locator('li.fails').first()).toBeVisible();
});

test('an endpoint that fails is seen to be left alone as it happens, and tried again when somebody says so', async ({ enter }) => {
  const { page, gateway } = await enter('ways');
  await visit(page, '/routing?view=endpoints');
  await expect(page.getByRole('row', { name: /s503/ })).toHaveCount(0);
  for (let times = 0; times < 3; times++) await ask(gateway, 'one/s503');
  const row = page.getByRole('row', { name: /s503/ });
  const again = row.getByRole('button', { name: 'Try one/s503 again at once' });
  await expect(again).toBeVisible({ timeout: 20_000 });
  await page.getByRole('radiogroup', { name: 'Which endpoints' }).getByText('Left alone').click();
  await expect(row).toBeVisible();
  await again.click();
  await agree(page, 'Try again');
  await expect(page.getByText('It may be called again.')).toBeVisible();
  await expect(row).toHaveCount(0);
});

test('a request is explained by its own words', async ({ enter }) => {
  const { page, gateway } = await enter('ways');
  await visit(page, '/routing?view=explain');
  const count = async (): Promise<number> => await calls(gateway.first, 'explain-me') + await calls(gateway.second, 'explain-me');
  await page.getByLabel('Model').first().fill('chat');
  await page.getByText('More of the request').click();
  const body = page.getByLabel(/^The request itself/);
  await body.fill('{"messages": [');
  await page.getByRole('button', { name: 'Explain', exact: true }).click();
  await expect(page.getByText(/^That is no JSON/)).toBeVisible();
  await expect(body).toHaveAttribute('aria-invalid', 'true');
  await body.fill(JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'explain-me' }] }));
  await page.getByRole('button', { name: 'Explain', exact: true }).click();
  await expect(page.locator('.answer').getByText('one/ok')).toBeVisible();
  await expect(page.getByText('It is an alias, in the profile “day”.')).toBeVisible();
  // For a client of another protocol it is written anew.
  await page.getByLabel('Asked for as').selectOption('messages');
  await body.fill(JSON.stringify({ model: 'chat', max_tokens: 9, messages: [{ role: 'user', content: 'explain-me' }] }));
  await page.getByRole('button', { name: 'Explain', exact: true }).click();
  await expect(page.locator('.answer').getByText(/translated to|passes as it is/)).toBeVisible();
  expect(await count(), 'nobody is called for it').toBe(0);
});

test('an alias follows its profile, and so does the traffic', async ({ enter }) => {
  const { page, gateway } = await enter('ways');
  expect(await served(gateway, 'chat')).toBe('one');
  await visit(page, '/routing');
  await page.getByRole('radiogroup', { name: 'Active profile' }).getByText('night').click();
  await expect(page.getByText(/Aliases follow “night” from now on/)).toBeVisible();
  expect(await served(gateway, 'chat')).toBe('two');
  await page.getByRole('radiogroup', { name: 'Active profile' }).getByText('day').click();
  await expect(page.getByText(/Aliases follow “day” from now on/)).toBeVisible();
  expect(await served(gateway, 'chat')).toBe('one');
});

test('an alias: made, its targets put in order by keys and by dragging, explained, removed', async ({ enter }) => {
  const { page, gateway } = await enter('ways');
  await visit(page, '/routing');
  await page.getByRole('button', { name: 'New alias' }).first().click();
  const form = page.getByRole('dialog', { name: 'New alias' });
  await form.getByLabel('Name').fill('ordered');
  if (await form.getByLabel('Model of target 1').count() === 0) await form.getByRole('button', { name: 'Target', exact: true }).click();
  await form.getByRole('button', { name: 'Target', exact: true }).click();
  for (const [at, provider] of [[1, 'one'], [2, 'two']] as const) {
    await form.getByLabel(`Provider of target ${at}`).selectOption(provider);
    await form.getByLabel(`Model of target ${at}`).fill('ok');
    await form.getByLabel(`Profile of target ${at}`).fill('');
  }
  const order = () => form.getByLabel(/^Provider of target/).evaluateAll((all) => all.map((one) => (one as HTMLSelectElement).value));
  // Down by keys: focus goes along, and it is said aloud.
  await form.getByRole('button', { name: /^Target 1: drag/ }).focus();
  await page.keyboard.press('Alt+ArrowDown');
  expect(await order()).toEqual(['two', 'one']);
  await expect(form.getByRole('button', { name: /^Target 2: drag/ })).toBeFocused();
  await expect(form.getByText('number 2 of 2 now')).toBeAttached();
  await page.keyboard.press('Alt+ArrowUp');
  expect(await order()).toEqual(['one', 'two']);
  await form.getByRole('button', { name: 'Make the alias' }).click();
  await expect(page.getByText('“ordered” is there')).toBeVisible();
  expect(await served(gateway, 'ordered')).toBe('one');

  await page.getByRole('button', { name: 'Change ordered' }).click();
  const edit = page.getByRole('dialog', { name: 'Change “ordered”' });
  await edit.getByRole('button', { name: /^Target 2: drag/ }).dragTo(edit.getByLabel('Provider of target 1'));
  expect(await edit.getByLabel(/^Provider of target/).evaluateAll((all) => all.map((one) => (one as HTMLSelectElement).value))).toEqual(['two', 'one']);
  await edit.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('“ordered” was changed')).toBeVisible();
  expect(await served(gateway, 'ordered')).toBe('two');

  const card = page.getByRole('region', { name: 'Alias ordered' });
  await card.getByRole('link', { name: 'Explain' }).click();
  await settled(page);
  await expect(page.getByText('two/ok').first()).toBeVisible();
  await visit(page, '/routing');
  await page.getByRole('button', { name: 'Remove ordered' }).click();
  await expect(page.getByRole('dialog', { name: 'Remove the alias “ordered”?' })).toContainText('one/ok');
  await agree(page, 'Remove');
  await expect(page.getByText('The alias “ordered” was removed.')).toBeVisible();
  expect((await ask(gateway, 'ordered')).status).not.toBe(200);
});

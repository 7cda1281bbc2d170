// What people look for: a conversation by its words, a line of the log, a change in the trail; and texts that stay texts.
import { HOSTILE, call } from './support/traffic.mjs';
import { expect, settled, slips, test, visit, world } from './support/site';

test('a conversation is found by what was said, read, and taken along', async ({ enter }) => {
  const { page } = await enter('full');
  await page.goto('/admin/conversations');
  await settled(page);
  await page.keyboard.press('/');
  await page.keyboard.type('cookie proxy');
  await expect(page.locator('mark', { hasText: 'cookie' })).toBeVisible();
  await page.getByRole('link', { name: /The login bug/ }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('The login bug');
  const said = page.getByRole('region', { name: 'What was said' });
  await expect(said.getByText('image/png, 597 B')).toBeVisible();
  await expect.poll(() => said.getByRole('img', { name: /^Image/ }).first().evaluate((one: HTMLImageElement) => one.naturalWidth)).toBe(240);
  await expect(said.getByText('sameSite')).toBeHidden();
  await said.locator('summary', { hasText: 'Result' }).click();
  await expect(said.getByText('sameSite')).toBeVisible();
  await said.locator('summary', { hasText: 'Thinking' }).press('Enter');
  await page.getByLabel('Instructions').check();
  await expect(said.locator('summary', { hasText: 'Instructions' }).first()).toBeVisible();

  // It forks: each branch alone, then both.
  await page.getByText('Branch 2', { exact: true }).click();
  await expect(said.getByText('No: only explain it.')).toBeVisible();
  await expect(said.getByText('Then write the fix:')).toHaveCount(0);

  await page.getByRole('button', { name: 'Export' }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /As Markdown/ }).click()]);
  expect(file.suggestedFilename()).toMatch(/^conversation-\d+\.md$/);
});

test('keeping is off until somebody switches it on, and says what that means', async ({ enter }) => {
  const { page, gateway } = await enter('empty');
  await page.goto('/admin/conversations');
  await page.getByRole('button', { name: 'Keep conversations…' }).click();
  const sure = page.getByRole('dialog', { name: 'Keep conversations?' });
  await expect(sure).toContainText('30 days');
  await sure.getByRole('button', { name: 'Keep conversations' }).click();
  await expect(page.getByRole('button', { name: 'Stop keeping…' })).toBeVisible();
  const { data } = await call(gateway.url, gateway.key, 'GET', '/admin/api/settings');
  expect(data.settings.find((one: { key: string }) => one.key === 'conversations.enabled').value).toBe(true);
  await page.getByRole('button', { name: 'Stop keeping…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop keeping' }).click();
  await expect(page.getByRole('button', { name: 'Keep conversations…' })).toBeVisible();
});

test('a conversation is removed only when that was meant', async ({ enter }) => {
  const { page, gateway } = await enter('flows');
  await call(gateway.url, gateway.key, 'POST', '/v1/chat/completions', { model: 'one/ok', messages: [{ role: 'user', content: 'to be forgotten' }] });
  await expect(async () => {
    await page.goto('/admin/conversations?q=forgotten');
    await expect(page.getByRole('link', { name: 'to be forgotten' })).toBeVisible({ timeout: 1_500 });
  }).toPass();
  await page.getByRole('link', { name: 'to be forgotten' }).click();
  await page.getByRole('button', { name: 'Remove this conversation…' }).click();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('to be forgotten');
  await page.getByRole('button', { name: 'Remove this conversation…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
  await expect(page.getByText('The conversation was removed.')).toBeVisible();
  expect((await call(gateway.url, gateway.key, 'GET', '/admin/api/conversations?q=forgotten')).data.conversations).toEqual([]);
});

test('the log is searched, narrowed, opened, and leads to the request', async ({ enter }) => {
  const { page } = await enter('full');
  await page.goto('/admin/log');
  await settled(page);
  await page.keyboard.press('/');
  await page.keyboard.type('broken/none');
  const lines = page.getByRole('region', { name: 'Lines' }).getByRole('listitem');
  await expect(lines).toHaveCount(1);
  await lines.first().getByRole('button').press('Enter');
  await expect(lines.first()).toContainText('connect_failed');
  await lines.first().getByRole('link', { name: /^req_/ }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('req_');
  await page.goto('/admin/log?level=error&q=surely-not-there');
  await expect(page.getByText('No line fits')).toBeVisible();
});

test('the log follows, and holds still when it is told to', async ({ enter }) => {
  test.slow();
  const { page, gateway } = await enter('flows');
  const speak = (word: string) => call(gateway.url, gateway.key, 'POST', '/v1/chat/completions', { model: `nobody-${word}`, messages: [{ role: 'user', content: 'x' }] });
  await page.goto('/admin/log');
  await settled(page);
  await speak('first');
  await expect(page.getByText(/nobody-first/)).toBeVisible({ timeout: 20_000 });
  await page.getByRole('button', { name: 'Hold still' }).click();
  await speak('second');
  await page.getByRole('button', { name: /Show \d+ new line/ }).click({ timeout: 20_000 });
  await expect(page.getByText(/nobody-second/)).toBeVisible();
});

test('the trail tells who changed what, before and after', async ({ enter }) => {
  const { page, gateway } = await enter('flows');
  const made = (await call(gateway.url, gateway.key, 'POST', '/admin/api/tokens', { name: 'audited', role: 'inferrer' })).data;
  const changed = await call(gateway.url, gateway.key, 'PATCH', `/admin/api/tokens/${made.id}`, { name: 'audited anew' }, { 'if-match': '*' });
  expect(changed.status, changed.text).toBe(200);
  await page.goto(`/admin/audit?q=${made.id}`);
  const row = page.getByRole('row', { name: /token edit/ });
  await row.focus();
  await page.keyboard.press('Enter');
  const entry = page.getByRole('dialog', { name: 'token edit' });
  await expect(entry.locator('.was')).toContainText('audited');
  await expect(entry.locator('.is')).toContainText('audited anew');
  await page.keyboard.press('Escape');
  await expect(entry).toBeHidden();
});

test('alerts are acknowledged, webhooks tried, quotas shown', async ({ enter }) => {
  const { page } = await enter('full');
  await page.goto('/admin/alerts');
  const firing = page.getByRole('region', { name: 'Firing' });
  await expect(firing.getByText(/budget of 6 requests a day/).first()).toBeVisible();
  const before = await firing.getByRole('button', { name: 'Acknowledge' }).count();
  await firing.getByRole('button', { name: 'Acknowledge' }).first().click();
  await expect(firing.getByRole('button', { name: 'Acknowledge' })).toHaveCount(before - 1);
  await expect(firing.getByText(/seen by root/)).toBeVisible();
  await page.getByRole('button', { name: 'Send a trial' }).click();
  await expect(page.getByText(/The trial was taken: 204/)).toBeVisible();
  await expect(page.getByRole('region', { name: 'Quotas' }).getByRole('img', { name: /left/ }).first()).toBeVisible();
});

test('texts from outside stay texts: names, prompts, programs, sessions, and what providers say', async ({ enter }) => {
  test.setTimeout(120_000);
  const { page, guard, gateway } = await enter('full');
  // The playground asks the one that refuses.
  guard.allow(/400.*\/v1\/chat\/completions/);
  const { full } = world();
  /** Where a hostile text is shown, and what it is there. */
  const shown: [string, string][] = [
    ['/', 'the latest attempts'],
    ['/?by=token', 'spend by token'],
    ['/?by=user_agent', 'spend by program'],
    ['/requests', 'a program'],
    ['/requests?model=%3Cimg%20src%3Dx%20onerror%3Dwindow.__struck%3D1%3E', 'a filter'],
    ['/runs?view=sessions', 'a session'],
    ['/conversations?q=prompt', 'a conversation'],
    ['/access', 'a token'],
    ['/models?provider=hostile', 'a model'],
    ['/models?model=hostile%2F%3Cimg%20src%3Dx%20onerror%3Dwindow.__struck%3D1%3E', 'a model beside the list'],
    ['/providers?provider=hostile', 'the models of a provider'],
    ['/routing?view=endpoints', 'an endpoint'],
    ['/routing?view=explain&model=%3Cimg%20src%3Dx%20onerror%3Dwindow.__struck%3D1%3E', 'what nobody has'],
    ['/log?q=img', 'the log'],
    ['/audit?action=token.', 'the trail'],
    ['/me', 'own usage'],
  ];
  for (const [path, what] of shown) {
    await test.step(what, async () => {
      await visit(page, path);
      await expect(page.getByText(/<img[ /]src=x[ /]onerror=/).first(), `${path}: ${what}`).toBeAttached();
      expect(await slips(page)).toEqual([]);
    });
  }
  await test.step('what a model and a provider said', async () => {
    for (const [asked, said] of [['answer me', 'said the model'], ['refuse me', 'said the provider']] as const) {
      await visit(page, `/conversations?q=${encodeURIComponent(`"${asked}"`)}`);
      await page.getByRole('row').filter({ hasText: asked }).first().getByRole('link').first().click();
      await settled(page);
      await expect(page.getByRole('region', { name: 'What was said' }).getByText(said).first()).toBeVisible();
      expect(await slips(page)).toEqual([]);
    }
  });
  await test.step('the wire of such a request, and its replay', async () => {
    await visit(page, `/conversations?q=${encodeURIComponent('"answer me"')}`);
    await page.getByRole('row').filter({ hasText: 'answer me' }).first().getByRole('link').first().click();
    await settled(page);
    await page.getByRole('button', { name: 'Wire' }).first().click();
    const wire = page.getByRole('dialog', { name: 'On the wire' });
    await expect(wire.getByRole('tab').first()).toBeVisible();
    const seen: string[] = [];
    for (const stage of await wire.getByRole('tab').all()) {
      await stage.click();
      seen.push(await wire.getByRole('tabpanel').innerText());
      expect(await slips(page)).toEqual([]);
    }
    // What the client called itself, and what the provider said.
    expect(seen[0]).toContain('<img src=x');
    expect(seen.join('\n')).toContain('said the model');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Replay' }).first().click();
    const form = page.getByRole('dialog', { name: 'Replay against another model' });
    await form.getByLabel('Model').fill('simulator/ok');
    await page.keyboard.press('Enter');
    await expect(form.locator('.diff li').filter({ hasText: '<img src=x' }).first()).toBeVisible();
    expect(await slips(page)).toEqual([]);
    await page.keyboard.press('Escape');
  });
  await test.step('a run, its labels, an alert, a browser', async () => {
    await fetch(`${gateway.url}/admin/api/login`, { method: 'POST', headers: { 'content-type': 'application/json', origin: gateway.url, 'user-agent': HOSTILE }, body: JSON.stringify({ key: gateway.key }) });
    for (const [path, place] of [['/runs', 'Runs'], ['/alerts', 'Firing'], ['/me', 'Sessions']] as const) {
      await visit(page, path);
      await expect(page.getByRole('region', { name: place }).getByText('<img src=x').first(), path).toBeAttached();
      expect(await slips(page)).toEqual([]);
    }
    await visit(page, '/runs?q=img');
    await page.getByRole('row').filter({ hasText: '<img' }).first().click();
    await settled(page);
    await expect(page.getByRole('heading', { level: 1 })).toContainText('<img src=x');
    expect(await slips(page)).toEqual([]);
  });
  await test.step('an answer in the playground', async () => {
    await visit(page, '/playground?model=hostile%2Fmeek');
    await page.getByRole('checkbox', { name: 'Streamed' }).uncheck();
    await page.getByLabel('What you say').fill('answer me');
    await page.keyboard.press('Enter');
    await expect(page.locator('.turn.assistant .said').last()).toContainText('<img src=x');
    expect(await slips(page)).toEqual([]);
  });
  await test.step('a trial of such a provider', async () => {
    await visit(page, '/providers?provider=hostile');
    const detail = page.getByRole('dialog', { name: 'hostile' });
    await detail.getByLabel('Model to ask').fill('meek');
    await detail.getByRole('button', { name: 'Test', exact: true }).click();
    await expect(detail.getByText('It does not work yet.')).toBeVisible({ timeout: 30_000 });
    expect(await slips(page)).toEqual([]);
    await page.keyboard.press('Escape');
  });
  await test.step('an error in the playground', async () => {
    await visit(page, '/playground?model=hostile%2Fmeek');
    await page.getByLabel('What you say').fill('refuse me');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('alert')).toContainText('<img src=x');
    expect(await slips(page)).toEqual([]);
    // What was said is still there.
    await expect(page.getByLabel('What you say')).toHaveValue('refuse me');
  });
  await test.step('the request, its token, its confirmation', async () => {
    await visit(page, '/access?q=img');
    await page.getByRole('row').filter({ hasText: '<img' }).first().click();
    await settled(page);
    expect(await slips(page)).toEqual([]);
    await page.locator('dialog[open]').getByRole('button', { name: 'Revoke' }).click();
    await expect(page.locator('dialog[open]').last()).toContainText('<img src=x');
    expect(await slips(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await visit(page, `/requests/${full.request}`);
    expect(await slips(page)).toEqual([]);
  });
});

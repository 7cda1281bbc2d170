// Several people at once: what somebody else changed meanwhile is told, and nothing of either is lost.
import { call } from './support/traffic.mjs';
import { expect, test, visit, type Gateway } from './support/site';

const say = async (gateway: Gateway, method: string, path: string, body: unknown) => {
  const answer = await call(gateway.url, gateway.key, method, path, body, { 'if-match': '*' });
  expect(answer.status, answer.text).toBeLessThan(300);
  return answer.data;
};

test('two change an alias', async ({ enter }) => {
  const { page, guard, gateway } = await enter('flows');
  guard.allow(/412|409/);
  await say(gateway, 'PUT', '/admin/api/aliases/shared', { targets: [{ provider: 'one', model: 'ok' }] });
  await visit(page, '/routing');
  await page.getByRole('button', { name: 'Change shared' }).click();
  const form = page.getByRole('dialog', { name: 'Change “shared”' });
  await form.getByLabel('Model of target 1').fill('think');
  await say(gateway, 'PUT', '/admin/api/aliases/shared', { targets: [{ provider: 'two', model: 'ok' }] });
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form.getByRole('alert')).toBeVisible();
  await expect(form.getByLabel('Model of target 1')).toHaveValue('think');
  await form.getByRole('button', { name: 'Look at the newest version and keep my edits' }).click();
  await expect(form.getByRole('status').filter({ hasText: 'The file says now' })).toContainText('two/ok');
  await expect(form.getByLabel('Model of target 1')).toHaveValue('think');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('“shared” was changed')).toBeVisible();
  const { aliases } = await say(gateway, 'GET', '/admin/api/aliases?q=shared', undefined);
  expect(aliases[0].targets).toMatchObject([{ provider: 'one', model: 'think' }]);
});

test('two change a token: both changes hold', async ({ enter }) => {
  const { page, guard, gateway } = await enter('flows');
  guard.allow(/412|409/);
  const made = await say(gateway, 'POST', '/admin/api/tokens', { name: 'both', role: 'inferrer' });
  await visit(page, `/access?token=${made.id}`);
  await page.getByRole('dialog', { name: 'both' }).getByRole('button', { name: 'Change' }).click();
  const form = page.getByRole('dialog', { name: 'Change “both”' });
  await form.getByRole('textbox', { name: 'Name · optional' }).fill('mine');
  await say(gateway, 'PATCH', `/admin/api/tokens/${made.id}`, { labels: { team: 'theirs' } });
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form.getByRole('alert')).toBeVisible();
  await form.getByRole('button', { name: 'Look at the newest version and keep my edits' }).click();
  await expect(form.getByRole('textbox', { name: 'Name · optional' })).toHaveValue('mine');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('“mine” was changed.')).toBeVisible();
  expect(await say(gateway, 'GET', `/admin/api/tokens/${made.id}`, undefined)).toMatchObject({ name: 'mine', labels: { team: 'theirs' } });
});

test('two change a provider: both changes hold', async ({ enter }) => {
  const { page, guard, gateway } = await enter('flows');
  guard.allow(/412|409/);
  await visit(page, '/providers?provider=two');
  await page.getByRole('dialog', { name: 'two' }).getByRole('button', { name: 'Change' }).click();
  const form = page.getByRole('dialog', { name: 'Change “two”' });
  await form.getByLabel('Priority').fill('60');
  await say(gateway, 'PATCH', '/admin/api/providers/two', { set: { 'timeouts.idle': '33s' } });
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form.getByRole('alert')).toBeVisible();
  await form.getByRole('button', { name: 'Take the newest version and keep my edits' }).click();
  await expect(form.getByLabel('Priority')).toHaveValue('60');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('“two” was changed.')).toBeVisible();
  const { config } = await say(gateway, 'GET', '/admin/api/config', undefined);
  expect(config.providers.find((one: { name: string }) => one.name === 'two').timeouts.idle_ms).toBe(33_000);
  expect((await say(gateway, 'GET', '/admin/api/providers/two', undefined)).provider.priority).toBe(60);
});

test('two change settings: others hold by themselves, the same one is decided by whoever saves', async ({ enter }) => {
  const { page, guard, gateway } = await enter('flows');
  guard.allow(/412|409/);
  await visit(page, '/settings');
  const attempts = page.locator('#section-routing').getByLabel('attempts', { exact: true });
  await attempts.fill('5');
  await say(gateway, 'PATCH', '/admin/api/settings', { set: { 'conversations.max_items': 4000 } });
  await expect(attempts).toHaveValue('5');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('In force:').first()).toBeVisible();

  await attempts.fill('7');
  await say(gateway, 'PATCH', '/admin/api/settings', { set: { 'routing.attempts': 6 } });
  await page.getByRole('button', { name: 'Save' }).click();
  const clash = page.getByRole('alert').filter({ hasText: 'The file was changed meanwhile' });
  await expect(clash).toContainText('routing.attempts');
  await expect(page.getByRole('button', { name: 'Save' })).toBeDisabled();
  await clash.getByRole('button', { name: 'Mine: 7' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('region', { name: 'Unsaved changes' })).toBeHidden();
  const { settings } = await say(gateway, 'GET', '/admin/api/settings', undefined);
  const value = (key: string) => settings.find((one: { key: string }) => one.key === key).value;
  expect([value('routing.attempts'), value('conversations.max_items')]).toEqual([7, 4000]);
});

test('a page with edits is not left by a slip, neither by a link nor by the way back', async ({ enter }) => {
  const { page } = await enter('empty');
  await visit(page, '/log');
  await visit(page, '/settings');
  const attempts = page.locator('#section-routing').getByLabel('attempts', { exact: true });
  await attempts.fill('9');
  const asked: string[] = [];
  page.removeAllListeners('dialog');
  page.on('dialog', (dialog) => { asked.push(dialog.message()); void dialog.dismiss(); });
  await page.getByRole('link', { name: 'Models', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Settings');
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Settings');
  await expect(attempts).toHaveValue('9');
  await expect(page).toHaveURL(/\/admin\/settings$/);
  expect(asked).toEqual(['Leave without saving? Your edits are lost.', 'Leave without saving? Your edits are lost.']);
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Log');
});

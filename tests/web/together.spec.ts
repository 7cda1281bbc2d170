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

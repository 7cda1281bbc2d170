// Who answers: a provider added and tried, and an alias whose profile is switched, with the traffic that follows.
import { until } from './support/gateway.mjs';
import { call } from './support/traffic.mjs';
import { expect, settled, test } from './support/site';

test('a provider is added by its address, tried, and serves', async ({ enter }) => {
  const { page, gateway } = await enter('flows');
  await page.goto('/admin/providers');
  await settled(page);
  await page.getByRole('button', { name: 'Add provider' }).first().click();
  await page.getByRole('button', { name: /^Another one/ }).click();
  const form = page.getByRole('dialog', { name: 'Your own provider' });
  await form.getByLabel('Address').fill(`${gateway.second}/v1`);
  await form.getByRole('textbox', { name: 'Name · optional' }).fill('added');
  await form.getByRole('button', { name: 'Add and test' }).click();
  await expect(page.getByText('It works.')).toBeVisible({ timeout: 30_000 });
  const answer = await call(gateway.url, gateway.key, 'POST', '/v1/chat/completions', { model: 'added/ok', messages: [{ role: 'user', content: 'hello' }] });
  expect(answer.status, answer.text).toBe(200);
});

test('an alias follows its profile, and so does the traffic', async ({ enter }) => {
  const { page, gateway } = await enter('flows');
  const served = async (): Promise<string> => {
    const asked = await call(gateway.url, gateway.key, 'POST', '/v1/chat/completions', { model: 'chat', messages: [{ role: 'user', content: `who answers at ${Date.now()}` }] });
    expect(asked.status, asked.text).toBe(200);
    const rows = async () => (await call(gateway.url, gateway.key, 'GET', '/admin/api/usage/requests?model_asked=chat&limit=100&period=1h')).data.requests ?? [];
    const before = seen;
    const all = await until(async () => { const told = await rows(); return told.length > before && told; }, 'the row of the request');
    seen = all.length;
    return all[0].attempts.at(-1).provider;
  };
  let seen = 0;
  expect(await served()).toBe('one');
  await page.goto('/admin/routing');
  await settled(page);
  await page.getByRole('radiogroup', { name: 'Active profile' }).getByText('night').click();
  await expect(page.getByText(/Aliases follow “night” from now on/)).toBeVisible();
  expect(await served()).toBe('two');
});

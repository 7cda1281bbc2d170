// Listeners and TLS are changed on the page Network: tried, kept from the new address, or taken back.
import { createServer } from 'node:net';
import type { Page } from '@playwright/test';
import { HEAD, provider } from './support/gateway.mjs';
import { agree, expect, settled, test, violations, visit } from './support/site';
import { own } from './support/own';
import { call } from './support/traffic.mjs';

const free = (): Promise<number> => new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address() as { port: number };
    server.close(() => done(port));
  });
});

test('another address: tried, taken back, tried again and kept from there', async ({ enter }) => {
  // The pages come from the gateway itself: a site in front of it has an address of its own.
  test.skip(Boolean(process.env['WEB_SITE']), 'only with the pages that torod carries');
  const one = await own((url) => HEAD + provider('simulator', url));
  try {
    const { page, context } = await enter(one);
    const address = `127.0.0.1:${await free()}`;
    const tryOut = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Change listeners and TLS' }).click();
      const form = page.getByRole('dialog', { name: 'Change listeners and TLS' });
      await expect(form.getByRole('button', { name: 'Try it' })).toBeDisabled();
      await form.getByLabel('More addresses').fill(address);
      await form.getByRole('button', { name: 'Try it' }).click();
      await expect(page.getByText('A change of the network is being tried.')).toBeVisible();
      await expect(page.getByRole('link', { name: `http://${address}/admin/network` })).toBeVisible();
    };
    await visit(page, '/network');
    await tryOut();
    await page.getByRole('button', { name: 'Take it back' }).click();
    await expect(page.getByText('The change was taken back.')).toBeVisible();
    await expect(page.getByText('The last change of the network was taken back: somebody took it back.')).toBeVisible();
    await tryOut();
    // There it is signed in anew: another address is another site.
    const there = await enter({ ...one, url: `http://${address}` });
    await visit(there.page, '/network');
    await there.page.getByRole('button', { name: 'Keep it' }).click();
    await expect(there.page.getByText('The change holds.')).toBeVisible();
    await settled(there.page);
    const told = JSON.parse((await call(one.url, one.key, 'GET', '/admin/api/network')).text) as { trial: unknown; listeners: { address: string }[] };
    expect(told.trial).toBeNull();
    expect(told.listeners.map((listener) => listener.address)).toContain(address);
    expect(context.pages().length).toBe(1);
  } finally {
    await one.end();
  }
});

/** Has TLS with a certificate made here tried for so many seconds. */
async function tryTls(page: Page, seconds: number): Promise<void> {
  await visit(page, '/network');
  await page.getByRole('button', { name: 'Change listeners and TLS' }).click();
  const form = page.getByRole('dialog', { name: 'Change listeners and TLS' });
  await form.getByLabel('TLS', { exact: true }).selectOption('self-signed');
  await form.getByLabel('Names').fill('gateway.test');
  await form.getByLabel('Seconds to keep it').fill(String(seconds));
  await form.getByRole('button', { name: 'Try it' }).click();
  await expect(page.getByText('A change of the network is being tried.')).toBeVisible();
}

test('TLS: switched on, kept from the address that speaks it, its certificate told and renewed', async ({ enter }) => {
  test.skip(Boolean(process.env['WEB_SITE']), 'only with the pages that torod carries');
  const one = await own((url) => HEAD + provider('simulator', url));
  try {
    const { page } = await enter(one);
    const safe = one.url.replace('http:', 'https:');
    await tryTls(page, 60);
    await expect(page.getByRole('link', { name: `${safe}/admin/network` })).toBeVisible();
    await expect(page.getByText(/Its certificate: sha256:/)).toBeVisible();
    expect(await violations(page)).toEqual([]);
    // By the way that is to be proved wrong nothing can be kept.
    await expect(page.getByRole('button', { name: 'Keep it' })).toHaveCount(0);
    await page.close();

    const there = await enter({ ...one, url: safe });
    await visit(there.page, '/network');
    await there.page.getByRole('button', { name: 'Keep it' }).click();
    await expect(there.page.getByText('The change holds.')).toBeVisible();
    await settled(there.page);
    const listeners = there.page.getByRole('region', { name: 'Listeners' });
    await expect(listeners.getByText('You are connected by HTTPS')).toBeVisible();
    const certificate = listeners.getByRole('listitem').filter({ hasText: 'Certificate (self-signed)' });
    await expect(certificate).toContainText('gateway.test');
    await expect(certificate).toContainText('The next one is due');
    // Plain HTTP leads browsers there from now on.
    const led = await there.context.request.get(`${one.url}/admin`, { maxRedirects: 0, headers: { accept: 'text/html' } });
    expect(led.headers()['location']).toMatch(/^https:/);

    const ask = async (path: string) => (await there.context.request.get(path)).json();
    const before = (await ask('/admin/api/status')).tls.fingerprint as string;
    await expect(certificate).toContainText(before);
    await certificate.getByRole('button', { name: 'Renew now' }).click();
    await expect(there.page.getByRole('dialog', { name: 'Renew the certificate now?' })).toContainText('another fingerprint');
    await agree(there.page, 'Renew now');
    await expect(certificate.getByRole('status').filter({ hasText: 'Renewed: another certificate is shown' })).toBeVisible();
    await expect(certificate).not.toContainText(before);
    await expect(certificate).toContainText((await ask('/admin/api/status')).tls.fingerprint);
    // What was kept stands in the file.
    const { config } = await ask('/admin/api/config');
    expect(config.tls).toMatchObject({ mode: 'self-signed', hosts: ['gateway.test'] });
  } finally {
    await one.end();
  }
});

test('TLS that nobody keeps is taken back, and says so', async ({ enter }) => {
  const one = await own((url) => HEAD + provider('simulator', url));
  try {
    const { page, guard } = await enter(one);
    // The live stream ends with the listener that it came by, and is taken up again.
    guard.allow(/ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET|EMPTY_RESPONSE).*\/live/);
    await tryTls(page, 5);
    await expect(page.getByText('The last change of the network was taken back:')).toBeVisible({ timeout: 20_000 });
    await expect(page.getByText('A change of the network is being tried.')).toBeHidden();
    const ask = async (path: string) => JSON.parse((await call(one.url, one.key, 'GET', path)).text);
    expect((await ask('/admin/api/status')).tls).toBeNull();
    expect((await ask('/admin/api/config')).config.tls.mode).toBe('off');
    await expect(page.getByText('Certificate (self-signed)')).toHaveCount(0);
  } finally {
    await one.end();
  }
});

test('what the form for TLS asks depends on where the certificate is from, and paths are not set from a browser', async ({ enter }) => {
  const { page, context } = await enter('empty');
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await visit(page, '/network');
  await page.getByRole('button', { name: 'Change listeners and TLS' }).click();
  const form = page.getByRole('dialog', { name: 'Change listeners and TLS' });
  const offered = await form.getByLabel('Address', { exact: true }).evaluate((input: HTMLInputElement) => [...(input.list?.options ?? [])].map((one) => one.value));
  expect(offered).toEqual(expect.arrayContaining(['127.0.0.1:8080', '0.0.0.0:8080', '[::]:8080']));
  const mode = form.getByLabel('TLS', { exact: true });
  await expect(form.getByLabel('Names')).toHaveCount(0);
  await mode.selectOption('pem');
  await expect(form.getByLabel('For torod.toml')).toContainText('cert_file = ');
  await form.getByRole('button', { name: 'Copy the lines' }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('key_file = ');
  expect(await violations(page)).toEqual([]);
  await mode.selectOption('acme');
  await expect(form.getByLabel('E-mail')).toBeVisible();
  await expect(form.getByLabel('Challenge')).toBeVisible();
  await expect(form.getByText(/The CA is https:\/\/acme-v02/)).toBeVisible();
  expect(await violations(page)).toEqual([]);
});

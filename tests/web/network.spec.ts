// Listeners and TLS are changed on the page Network: tried, kept from the new address, or taken back.
import { createServer } from 'node:net';
import { HEAD, provider } from './support/gateway.mjs';
import { expect, settled, test, visit } from './support/site';
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

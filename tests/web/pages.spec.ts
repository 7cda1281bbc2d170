// Every page, with data and without, in light and dark, wide and on a phone: no error, nothing foreign, nothing that axe finds, nothing cut off.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { cutOff, expect, overflow, settled, slips, test, violations, visit, world } from './support/site';

const PAGES = [
  '/', '/requests', '/runs', '/runs?view=sessions', '/conversations', '/alerts', '/log', '/models', '/playground', '/providers', '/access', '/access?show=all', '/network', '/audit', '/settings', '/settings?show=file', '/me',
  '/routing', '/routing?view=endpoints', '/routing?view=explain', '/nowhere',
];
/** With data: what is opened from others, and what is narrowed. */
const behind = (): string[] => {
  const { full } = world();
  return [
    `/conversations/${full.talk}`, `/conversations/${full.talk}?system=true`, '/conversations?q=login', `/requests/${full.request}`, '/requests?not_outcome=ok&range=7d', '/requests?model=nothing', `/runs/${full.run}`, `/access?token=${full.run}`,
    '/log?level=trace&q=img', '/models?model=simulator%2Fok', '/providers?provider=simulator', '/providers?provider=broken', '/routing?view=explain&model=simulator%2Fok', '/?by=token&range=7d&measure=tokens', '/settings?q=breaker',
  ];
};
/** Without: what is not there. */
const ABSENT = ['/conversations/99999', '/requests/req_0000000000000000', '/runs/tok_0000000000000000', '/models?q=nothing', '/providers?q=nothing', '/access?q=nothing', '/settings?show=changed'];

// They share nothing, so that both cores have something to do until the end.
test.describe.configure({ mode: 'parallel' });

async function look(page: Page, path: string, what: string): Promise<void> {
  expect.soft(await overflow(page), `${path}: what reaches beyond the window, ${what}`).toEqual([]);
  expect.soft(await cutOff(page), `${path}: what cannot be read whole, ${what}`).toEqual([]);
  expect.soft(await slips(page), `${path}: slips, ${what}`).toEqual([]);
  expect.soft(await violations(page), `${path}: what axe finds, ${what}`).toEqual([]);
}

test('every page that there is is walked through below', () => {
  const routes = [...readFileSync(join(import.meta.dirname, '../../web/src/pages/routes.ts'), 'utf8').matchAll(/\{ path: '([^']+)'/g)].map(([, path]) => path!);
  expect(routes.length).toBeGreaterThan(15);
  const walked = [...PAGES, ...behind()].map((path) => path.replace(/\?.*/, ''));
  expect(routes.filter((route) => !walked.some((path) => new RegExp(`^${route.replace(/:\w+/g, '[^/]+')}$`).test(path)))).toEqual([]);
});

for (const scheme of ['light', 'dark'] as const) {
  for (const width of [1440, 390]) {
    for (const data of ['full', 'empty'] as const) {
      test(`pages, ${data}, ${scheme}, ${width} px`, async ({ enter }) => {
        test.setTimeout(180_000);
        const { page, guard } = await enter(data, { scheme, width });
        guard.allow(/404.*(conversations\/99999|req_0000000000000000|tok_0000000000000000|routes\/req_)/);
        for (const path of [...PAGES, ...(data === 'full' ? behind() : ABSENT)]) {
          await test.step(path, async () => {
            await visit(page, path);
            await look(page, path, `${data}, ${scheme}, ${width} px`);
          });
        }
      });
    }
    test(`the way in, ${scheme}, ${width} px`, async ({ enter }) => {
      const look_ = { scheme, width, isSignedOut: true };
      const door = await enter('empty', look_);
      door.guard.allow(/401/);
      await door.page.goto('/admin');
      await settled(door.page);
      await look(door.page, 'sign-in', `${scheme}, ${width} px`);
      const setup = await enter('bare', look_);
      await setup.page.goto('/admin');
      await settled(setup.page);
      await look(setup.page, 'setup', `${scheme}, ${width} px`);
    });
  }
}

for (const role of ['keymaster', 'inferrer'] as const) {
  test(`what a ${role} sees, and nothing that is refused`, async ({ enter }) => {
    const { page, context, gateway } = await enter('full', { isSignedOut: true });
    const answer = await context.request.post('/admin/api/login', { data: { key: gateway[role] }, headers: { origin: gateway.url } });
    expect(answer.ok()).toBe(true);
    await page.goto('/admin');
    await settled(page);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(role === 'keymaster' ? 'Overview' : 'Me');
    const links = await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').evaluateAll((all) => all.map((one) => (one as HTMLAnchorElement).pathname.replace('/admin', '') || '/'));
    expect(links).not.toContain('/providers');
    for (const path of [...new Set(links), ...(role === 'keymaster' ? ['/runs?view=sessions', '/access?show=all'] : [])]) {
      await test.step(path, async () => {
        await visit(page, path);
        await look(page, path, role);
      });
    }
    await visit(page, '/providers');
    await expect(page.getByText('Your token may not see this page')).toBeVisible();
  });
}

test('what a keymaster used alone is told apart from what the tokens below used', async ({ enter }) => {
  const { page, context, gateway } = await enter('full', { isSignedOut: true });
  const answer = await context.request.post('/admin/api/login', { data: { key: gateway.keymaster }, headers: { origin: gateway.url } });
  expect(answer.ok()).toBe(true);
  const id = (await (await context.request.get('/admin/api/me')).json()).id;
  const used = async (query: string): Promise<number> => (await (await context.request.get(`/admin/api/me/usage?${query}`)).json()).total.requests;
  const [all, own] = [await used('by=model'), await used(`by=model&own_token=${id}`)];
  expect(all).toBeGreaterThan(own);
  await visit(page, '/me');
  const requests = page.getByRole('region', { name: 'The last 30 days' }).locator('.stat').filter({ has: page.locator('.label', { hasText: /^Requests$/ }) });
  await expect(requests).toContainText(String(all));
  await page.getByRole('radio', { name: 'Mine alone' }).check();
  await expect(requests).toContainText(String(own));
  await expect(page.getByText('yours alone')).toBeVisible();
});

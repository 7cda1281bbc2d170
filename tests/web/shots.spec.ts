// Pictures of every page and dialog for people to look at: SHOTS=FOLDER tests/web/run shots. Nothing is judged here.
import { join } from 'node:path';
import { call } from './support/traffic.mjs';
import { test, visit, world, type Gateway } from './support/site';

const folder = process.env['SHOTS'];

async function paths({ url, key }: Gateway): Promise<[string, string][]> {
  const { full } = world();
  const ask = async (path: string) => (await call(url, key, 'GET', path, undefined)).data;
  const failed = (await ask('/admin/api/usage/requests?period=1h&outcome=connect_failed&limit=1')).requests?.[0]?.id ?? full.request;
  const token = (await ask('/admin/api/tokens?q=alice')).tokens[0].id;
  return [
    ['overview', '/'], ['overview-tokens', '/?by=token&measure=tokens&range=7d'], ['requests', '/requests'], ['requests-narrowed', '/requests?not_outcome=ok&range=7d'], ['request', `/requests/${full.request}`], ['request-failed', `/requests/${failed}`],
    ['runs', '/runs'], ['sessions', '/runs?view=sessions'], ['run', `/runs/${full.run}`], ['conversations', '/conversations'], ['conversations-found', '/conversations?q=login'], ['conversation', `/conversations/${full.talk}?system=true`],
    ['alerts', '/alerts'], ['log', '/log'], ['models', '/models'], ['model', '/models?model=simulator%2Fok'], ['playground', '/playground?model=simulator%2Fok'], ['routing', '/routing'], ['endpoints', '/routing?view=endpoints'], ['explain', '/routing?view=explain&model=simulator%2Fok'],
    ['providers', '/providers'], ['provider', '/providers?provider=simulator'], ['access', '/access'], ['token', `/access?token=${token}`], ['network', '/network'], ['audit', '/audit'], ['settings', '/settings'], ['settings-file', '/settings?show=file'], ['me', '/me'], ['nowhere', '/nowhere'],
  ];
}
/** Dialogs that no address opens: the page, and what is pressed on it. */
const dialogs = (): [string, string, string | RegExp, (string | RegExp)?][] => {
  const { full } = world();
  return [
    ['new-token', '/access', 'New token'], ['add-provider', '/providers', 'Add provider'], ['add-own', '/providers', 'Add provider', /^Another one/], ['change-provider', '/providers?provider=simulator', 'Change'], ['new-key', '/providers?provider=simulator', 'New key'],
    ['switch-off', '/providers?provider=simulator', 'Switch off'], ['new-alias', '/routing', 'New alias'], ['wire', `/conversations/${full.watched}`, 'Wire'], ['no-wire', `/conversations/${full.talk}`, 'Wire'], ['replay', `/conversations/${full.watched}`, 'Replay'],
    ['remove-all', '/conversations', 'Remove every conversation…'], ['end-token', '/me', 'End my token'], ['filter', '/requests', 'Filter'], ['group', '/', /^By|Told apart/],
  ];
};

for (const scheme of ['light', 'dark'] as const) {
  for (const width of [1440, 390]) {
    test(`shots, ${scheme}, ${width} px`, async ({ enter }) => {
      test.skip(!folder, 'SHOTS names no folder');
      test.setTimeout(300_000);
      const keep = async (page: Awaited<ReturnType<typeof enter>>['page'], name: string, isWhole = true) => page.screenshot({ path: join(folder!, `${name}-${scheme}-${width}.png`), fullPage: isWhole, animations: 'disabled' });
      const { page, guard } = await enter('full', { scheme, width });
      guard.allow(/404.*\/wire\b/);
      for (const [name, path] of await paths(world().full)) {
        await visit(page, path);
        await keep(page, name, !path.includes('='));
      }
      for (const [name, path, first, second] of dialogs()) {
        await visit(page, path);
        for (const press of [first, second]) {
          if (!press) continue;
          const open = page.locator('dialog[open]');
          await (await open.count() > 0 ? open.last() : page.locator('body')).getByRole('button', { name: press }).first().click({ timeout: 2_000 }).catch(() => undefined);
          await page.waitForLoadState('networkidle').catch(() => undefined);
        }
        await keep(page, `dialog-${name}`, false);
        await page.keyboard.press('Escape');
        await page.keyboard.press('Escape');
      }
      const empty = await enter('empty', { scheme, width });
      for (const [name, path] of [['overview', '/'], ['requests', '/requests'], ['runs', '/runs'], ['conversations', '/conversations'], ['alerts', '/alerts'], ['routing', '/routing'], ['endpoints', '/routing?view=endpoints'], ['audit', '/audit?q=nothing'], ['models', '/models?q=nothing']] as const) {
        await visit(empty.page, path);
        await keep(empty.page, `empty-${name}`);
      }
      for (const name of ['empty', 'bare'] as const) {
        const door = await enter(name, { scheme, width, isSignedOut: true });
        door.guard.allow(/401/);
        await door.page.goto('/admin');
        await door.page.locator('h1').waitFor();
        await keep(door.page, name === 'empty' ? 'sign-in' : 'setup');
      }
    });
  }
}

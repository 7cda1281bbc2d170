// Every dialog by keyboard alone: opened, walked round without falling out, left by Esc, and focus is back where it was.
import type { Page } from '@playwright/test';
import { cutOff, expect, overflow, settled, slips, test, violations, visit, world } from './support/site';

/** Focuses a control and presses Enter on it. */
const press = (name: string | RegExp, within = 'body') => async (page: Page): Promise<void> => {
  const control = page.locator(within).last().getByRole('button', { name }).first();
  await control.focus();
  await page.keyboard.press('Enter');
};
/** Opens the first row of a table in which this stands. */
const row = (text: string | RegExp) => async (page: Page): Promise<void> => {
  await page.locator('tbody tr').filter({ hasText: text }).first().focus();
  await page.keyboard.press('Enter');
};
/** A dialog that is opened from another one. */
const within = (name: string | RegExp) => press(name, 'dialog[open]');
const key = (combination: string) => (page: Page): Promise<void> => page.keyboard.press(combination);

type Step = (page: Page) => Promise<void>;
/** Where a dialog is, and how it is opened; the last step opens it. */
const dialogs = (): [string, ...Step[]][] => {
  const { full } = world();
  const talk = `/conversations/${full.talk}`;
  return [
    ['/', key('Control+k')],
    ['/access', press('New token')],
    ['/access', row('team-search')],
    ['/access', row('team-search'), within('Change')],
    ['/access', row('team-search'), within('New key')],
    ['/access', row('team-search'), within('Token below')],
    ['/access', row('team-search'), within('Revoke')],
    ['/access', press(/^Revoke alice/)],
    ['/providers', press('Add provider')],
    ['/providers', press('Add provider'), within(/^Another one/)],
    ['/providers', press('Add provider'), within(/^OpenAI/)],
    ['/providers', row('simulator')],
    ['/providers', row('simulator'), within('Change')],
    ['/providers', row('simulator'), within('New key')],
    ['/providers', row('simulator'), within('Switch off')],
    ['/providers', row('simulator'), within('Remove')],
    ['/routing', press('New alias')],
    ['/models', row('simulator/ok')],
    ['/log', press('Empty the log…')],
    ['/audit', row('token create')],
    ['/conversations', press('Stop keeping…')],
    ['/conversations', press('Remove every conversation…')],
    [talk, press('Wire')],
    [talk, press('Replay')],
    [talk, press('Remove this conversation…')],
    [`/conversations/${full.watched}`, press('Wire')],
    [`/runs/${full.run}`, press('End it')],
    ['/me', press('End my token')],
    ['/me', press(/^End$/, '[aria-label="Sessions"]')],
  ];
};

/** Tabs once round and back: focus never leaves the dialog for something of the page below. */
async function goesRound(page: Page): Promise<void> {
  const [steps, fallen] = [await page.locator('dialog[open]').last().locator('a[href], button, input, select, textarea, summary, [tabindex]').count(), [] as string[]];
  for (let step = 0; step < Math.min(60, steps) + 2; step++) {
    await page.keyboard.press(step === 1 ? 'Shift+Tab' : 'Tab');
    const where = await page.evaluate(() => {
      const [at, top] = [document.activeElement, [...document.querySelectorAll('dialog[open]')].at(-1)];
      // Between the last and the first there is the browser itself.
      return at === document.body || at === null || top?.contains(at) ? undefined : at.outerHTML.slice(0, 120);
    });
    if (where) fallen.push(where);
  }
  expect(fallen).toEqual([]);
}

for (const [scheme, width] of [['light', 1440], ['dark', 390]] as const) {
  test(`dialogs by keyboard alone, ${scheme}, ${width} px`, async ({ enter }) => {
    test.setTimeout(180_000);
    const { page, guard } = await enter('full', { scheme, width });
    guard.allow(/404.*\/wire\b/);
    for (const [at, [path, ...steps]] of dialogs().entries()) {
      await test.step(`${path} ${at}`, async () => {
        await visit(page, path);
        await page.evaluate(() => document.querySelector<HTMLElement>('main')?.focus());
        for (const step of steps.slice(0, -1)) {
          const many = await page.locator('dialog[open]').count();
          await step(page);
          // One is opened above the other, or in its place.
          await expect.poll(() => page.locator('dialog[open]').count()).toBeGreaterThanOrEqual(Math.max(1, many));
          await settled(page);
        }
        const before = await page.locator('dialog[open]').count();
        await steps.at(-1)!(page);
        const dialog = page.locator('dialog[open]').last();
        await settled(page);
        // In the place of the one before, or above it.
        const left = Math.min(before, (await page.locator('dialog[open]').count()) - 1);
        await expect(dialog).toBeVisible();
        await settled(page);
        const title = await dialog.evaluate((one) => one.getAttribute('aria-label') ?? document.getElementById(one.getAttribute('aria-labelledby') ?? '')?.textContent);
        const what = `${path}: ${title}, ${scheme}, ${width} px`;
        expect(title, 'a dialog has a name').toBeTruthy();
        expect.soft(await page.evaluate(() => [...document.querySelectorAll('dialog[open]')].at(-1)?.contains(document.activeElement)), `${what}: focus is in it`).toBe(true);
        expect.soft(await violations(page), what).toEqual([]);
        expect.soft([...await overflow(page), ...await cutOff(page), ...await slips(page)], what).toEqual([]);
        await goesRound(page);
        await page.keyboard.press('Escape');
        await expect.poll(() => page.locator('dialog[open]').count(), `${what}: Esc closes it`).toBe(left);
        // The rest of a pile is closed too, so that the next one begins anew.
        for (let open = await page.locator('dialog[open]').count(); open > 0; open--) await page.keyboard.press('Escape');
        await expect(page.locator('dialog[open]')).toHaveCount(0);
      });
    }
  });
}

test('focus returns to where a dialog was opened from', async ({ enter }) => {
  const { page } = await enter('full');
  const opened: [string, Step][] = [
    ['/log', press('Empty the log…')],
    ['/access', press('New token')],
    ['/access', row('team-search')],
    ['/providers', press('Add provider')],
    ['/providers', row('simulator')],
    ['/models', row('simulator/ok')],
    ['/audit', row('token create')],
    ['/routing', press('New alias')],
    [`/conversations/${world().full.talk}`, press('Replay')],
  ];
  for (const [path, open] of opened) {
    await test.step(path, async () => {
      await visit(page, path);
      await page.evaluate(() => {
        const told = window as unknown as { __from?: Element | null };
        told.__from = undefined;
        document.addEventListener('keydown', (event) => (event.key === 'Enter' ? (told.__from ??= document.activeElement) : undefined), { capture: true });
      });
      await open(page);
      await expect(page.locator('dialog[open]')).toHaveCount(1);
      await settled(page);
      await page.keyboard.press('Escape');
      await expect(page.locator('dialog[open]')).toHaveCount(0);
      expect(await page.evaluate(() => {
        const told = window as unknown as { __from?: Element };
        return document.activeElement === told.__from ? 'there' : `${document.activeElement?.outerHTML.slice(0, 80)} and not ${told.__from?.outerHTML.slice(0, 80)}`;
      }), path).toBe('there');
    });
  }
});

test('a question is answered No by Enter, and Yes only by going to it', async ({ enter }) => {
  const { page } = await enter('full');
  await visit(page, '/log');
  await press('Empty the log…')(page);
  await expect(page.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('dialog[open]')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Empty the log…' })).toBeFocused();
});

test('everything by name: the palette goes to pages and does things', async ({ enter }) => {
  const { page } = await enter('full');
  await visit(page, '/');
  const words = page.locator('dialog[open] input');
  await page.keyboard.press('Control+k');
  await expect(words).toBeFocused();
  await page.keyboard.type('audit');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Audit' })).toBeVisible();
  await page.keyboard.press('Control+k');
  await expect(words).toBeFocused();
  await page.keyboard.type('dark colours');
  await page.keyboard.press('Enter');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  // What a page does can be done from every other one.
  for (const [typed, title] of [['new token', 'New token'], ['add a provider', 'Add a provider'], ['new alias', 'New alias']] as const) {
    await visit(page, '/log');
    await page.keyboard.press('Control+k');
    await expect(words).toBeFocused();
    await page.keyboard.type(typed);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog', { name: title })).toBeVisible();
    await page.keyboard.press('Escape');
  }
  await page.keyboard.press('Control+k');
  await expect(words).toBeFocused();
  await page.keyboard.type('read the configuration');
  await page.keyboard.press('Enter');
  await expect(page.getByText('The file was read anew; nothing changed.')).toBeVisible();
});

test('signing out by the palette asks whoever has written something', async ({ enter }) => {
  const { page } = await enter('flows');
  await visit(page, '/providers');
  await page.getByRole('button', { name: 'Add provider' }).click();
  await page.locator('dialog[open]').getByRole('button', { name: /^Another one/ }).click();
  await page.locator('dialog[open] input[type="password"], dialog[open] textarea').first().fill('half a key');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('sign out');
  const [asked] = await Promise.all([page.waitForEvent('dialog'), page.keyboard.press('Enter')]);
  expect(asked.message()).toContain('What you entered is lost');
});

test('a table is walked with the arrow keys, its rows are copied and opened', async ({ enter }) => {
  const { page, context } = await enter('full');
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await visit(page, '/requests');
  const rows = page.locator('tbody tr');
  await rows.first().focus();
  await page.keyboard.press('ArrowDown');
  await expect(rows.nth(1)).toBeFocused();
  await page.keyboard.press('End');
  await expect(rows.last()).toBeFocused();
  await page.keyboard.press('Home');
  await page.keyboard.press('c');
  await expect(page.getByText('Row copied.')).toBeVisible();
  expect((await page.evaluate(() => navigator.clipboard.readText())).split('\t').length).toBeGreaterThan(5);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('req_');
});

test('the menu of a phone by keyboard', async ({ enter }) => {
  const { page } = await enter('full', { width: 390 });
  await visit(page, '/requests');
  await press('Open the menu')(page);
  const menu = page.getByRole('dialog', { name: 'Menu' });
  await expect(menu).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await goesRound(page);
  await page.keyboard.press('Escape');
  await expect(menu).toBeHidden();
  await press('Open the menu')(page);
  await menu.getByRole('link', { name: 'Models' }).press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Models' })).toBeVisible();
  await expect(menu).toBeHidden();
});

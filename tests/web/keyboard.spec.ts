// Every dialog by keyboard alone: opened, walked round without falling out, left by Esc, and focus is back where it was.
import type { Page } from '@playwright/test';
import { expect, settled, test, violations, world } from './support/site';

/** Tabs once round: focus never leaves the dialog for something of the page below. */
async function goesRound(page: Page): Promise<void> {
  for (let step = 0; step < 40; step++) {
    await page.keyboard.press('Tab');
    const where = await page.evaluate(() => {
      const at = document.activeElement;
      return at === document.body || at === null ? 'outside of the page' : at.closest('dialog[open]') ? 'inside' : at.outerHTML.slice(0, 120);
    });
    expect(['inside', 'outside of the page']).toContain(where);
  }
}

/** Opens by Enter on a control, goes round, has axe look, leaves by Esc. */
async function byKeyboard(page: Page, path: string, open: (page: Page) => Promise<void>): Promise<void> {
  await page.goto(`/admin${path}`);
  await settled(page);
  await open(page);
  const dialog = page.locator('dialog[open]').last();
  await expect(dialog).toBeVisible();
  expect(await violations(page), path).toEqual([]);
  await goesRound(page);
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
}

const press = (name: string | RegExp) => async (page: Page): Promise<void> => {
  const control = page.getByRole('button', { name }).first();
  await control.focus();
  await page.keyboard.press('Enter');
};

test('dialogs by keyboard alone', async ({ enter }) => {
  test.setTimeout(120_000);
  const { page, guard } = await enter('full');
  guard.allow(/\/wire\b.*404|404.*\/wire\b/);
  const talk = `/conversations/${world().full.talk}`;
  const dialogs: [string, (page: Page) => Promise<void>][] = [
    ['/access', press('New token')],
    ['/access', async () => { await page.locator('tbody tr').first().focus(); await page.keyboard.press('Enter'); }],
    ['/audit', async () => { await page.locator('tbody tr').first().focus(); await page.keyboard.press('ArrowDown'); await page.keyboard.press('Enter'); }],
    ['/providers', press('Add provider')],
    ['/log', press('Empty the log…')],
    ['/conversations', press('Remove every conversation…')],
    [talk, press('Wire')],
    [talk, press('Replay')],
    [talk, press('Remove this conversation…')],
    ['/', async () => page.keyboard.press('Control+k')],
  ];
  for (const [path, open] of dialogs) await test.step(`${path} ${dialogs.findIndex((one) => one[1] === open)}`, () => byKeyboard(page, path, open));
});

test('focus returns to where a dialog was opened from', async ({ enter }) => {
  const { page } = await enter('full');
  await page.goto('/admin/log');
  await settled(page);
  await press('Empty the log…')(page);
  await expect(page.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Empty the log…' })).toBeFocused();
});

test('everything by name: the palette goes to pages', async ({ enter }) => {
  const { page } = await enter('full');
  await page.goto('/admin');
  await settled(page);
  await page.keyboard.press('Control+k');
  await page.keyboard.type('audit');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Audit' })).toBeVisible();
});

// What is tried and taken along: the playground in every protocol, the wire of a request, a replay, and tables as files.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { HOSTILE, call } from './support/traffic.mjs';
import { expect, settled, test, violations, visit, world } from './support/site';

test('the playground speaks four protocols, streamed and whole', async ({ enter }) => {
  const { page, gateway } = await enter('full');
  await visit(page, '/playground?model=simulator%2Fthink');
  const said = page.getByLabel('What you say');
  const answers = page.locator('.turn.assistant');
  for (const [at, protocol] of ['Chat Completions', 'Responses', 'Messages', 'Gemini'].entries()) {
    for (const isStreamed of [true, false]) {
      await test.step(`${protocol}, ${isStreamed ? 'streamed' : 'whole'}`, async () => {
        await page.getByRole('radiogroup', { name: 'Protocol' }).getByText(protocol, { exact: true }).click();
        await page.getByRole('checkbox', { name: 'Streamed' }).setChecked(isStreamed);
        await said.fill(`say it in ${protocol}`);
        await page.keyboard.press('Enter');
        const answer = answers.nth(at * 2 + (isStreamed ? 0 : 1));
        await expect(answer.locator('.meta')).toContainText('by simulator');
        await expect(answer.locator('.meta')).toContainText(/\d+ in.*\d+ out/);
        await expect(answer.locator('.said').last()).not.toBeEmpty();
        await expect(page.getByRole('alert')).toHaveCount(0);
      });
    }
  }
  expect(await violations(page)).toEqual([]);
  await answers.first().getByRole('link', { name: /^req_/ }).click();
  await settled(page);
  await expect(page.getByText(/playground of/).first()).toBeVisible();
  // Its token ends when the page is left.
  await expect.poll(async () => (await call(gateway.url, gateway.key, 'GET', '/admin/api/tokens?q=playground&state=live')).data.tokens).toEqual([]);
});

test('the wire of a request: four stages, walked by keys, without any key in them', async ({ enter }) => {
  const { page } = await enter('full');
  await visit(page, `/conversations/${world().full.watched}`);
  await page.getByRole('button', { name: 'Wire' }).click();
  const wire = page.getByRole('dialog', { name: 'On the wire' });
  const stages = wire.getByRole('tab');
  await expect(stages).toHaveCount(4);
  await expect(stages.first()).toHaveAttribute('aria-selected', 'true');
  const seen: string[] = [];
  await stages.first().focus();
  for (const [at, way] of ['ClientGateway', 'GatewayProvider', 'ProviderGateway', 'GatewayClient'].entries()) {
    await expect(stages.nth(at)).toBeFocused();
    await expect(stages.nth(at)).toContainText(way);
    seen.push(`${await wire.getByLabel('Head', { exact: true }).innerText()}\n${await wire.getByLabel('Body', { exact: true }).innerText()}`);
    await page.keyboard.press('ArrowRight');
  }
  await expect(stages.first()).toBeFocused();
  expect(seen[0]).toContain('/v1/chat/completions');
  expect(seen[1]).toContain('/v1/messages');
  expect(seen[0]).toContain('What went over the wire?');
  expect(seen[2]).toMatch(/"type"\s*:\s*"message"/);
  expect(seen[3]).toContain('choices');
  expect(seen.join('\n')).not.toMatch(/sk-never-shown|tr_[0-9A-Za-z]{20}/);
  // The second tells what became of the first.
  await page.keyboard.press('ArrowRight');
  await expect(wire.locator('.change')).toBeVisible();
  await wire.getByRole('button', { name: 'As it was' }).click();
  await expect(wire.getByRole('button', { name: 'In lines' })).toBeVisible();
});

test('what is not on the wire can be: a token is inspected for an hour', async ({ enter }) => {
  const { page, guard, gateway } = await enter('full');
  guard.allow(/404.*\/wire\b/);
  await visit(page, `/conversations/${world().full.talk}`);
  await page.getByRole('button', { name: 'Wire' }).first().click();
  const wire = page.getByRole('dialog', { name: 'On the wire' });
  await expect(wire.getByText('was not kept')).toBeVisible();
  await wire.getByRole('button', { name: 'Inspect its token for an hour…' }).click();
  await expect(page.getByRole('dialog', { name: /Inspect/ })).toContainText('secrets taken out');
  await page.getByRole('button', { name: 'Inspect for an hour', exact: true }).click();
  await expect(page.getByText(/is inspected/)).toBeVisible();
  const { data } = await call(gateway.url, gateway.key, 'GET', `/admin/api/tokens/${world().full.run}`);
  expect(data.inspect_until_ms).toBeGreaterThan(Date.now());
  await visit(page, `/access?token=${world().full.run}`);
  await expect(page.getByText('Inspected', { exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Stop now' }).click();
  await expect(page.getByText('Inspected', { exact: true })).toBeHidden();
});

test('a request is replayed, and the two answers stand side by side with what differs', async ({ enter }) => {
  const { page, guard } = await enter('full');
  guard.allow(/404.*\/(wire|replay)\b|4\d\d.*replay/);
  await visit(page, `/conversations/${world().full.watched}`);
  await page.getByRole('button', { name: 'Replay' }).click();
  const form = page.getByRole('dialog', { name: 'Replay against another model' });
  await expect(form.getByLabel('Model')).toBeFocused();
  await form.getByLabel('Model').fill('simulator/tool');
  await page.keyboard.press('Enter');
  await expect(form.getByText('Kept', { exact: true })).toBeVisible();
  await expect(form.getByText('Now', { exact: true })).toBeVisible();
  await expect(form.getByText('simulator/tool', { exact: true })).toBeVisible();
  await expect(form.locator('.diff li').first()).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await form.getByLabel('Model').fill('nobody/has-it');
  await form.getByRole('button', { name: 'Send again' }).click();
  await expect(form.getByRole('alert').or(form.locator('.side .bad')).first()).toBeVisible();
});

/** Lines of a CSV file, quoted ones included. */
function lines(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === '\r\n') rows.push([]);
    else if (end === '') break;
  }
  return rows.filter((row) => row.length > 1 || row[0]);
}

test('every table is kept as a file, with all its rows and in plain numbers', async ({ enter }) => {
  const { page } = await enter('full');
  const tables = ['/', '/requests', '/runs', '/runs?view=sessions', `/runs/${world().full.run}`, '/conversations', '/models', '/routing?view=endpoints', '/providers', '/access', '/audit', '/me'];
  for (const path of tables) {
    await test.step(path, async () => {
      await visit(page, path);
      const buttons = page.getByRole('button', { name: 'CSV' });
      await expect(buttons.first()).toBeVisible();
      for (let at = 0; at < await buttons.count(); at++) {
        const foot = page.locator('footer').filter({ has: page.getByRole('button', { name: 'CSV' }) }).nth(at);
        const many = Number(/^[\d,]+/.exec(await foot.innerText())![0].replaceAll(',', ''));
        const [file] = await Promise.all([page.waitForEvent('download'), buttons.nth(at).click()]);
        expect(file.suggestedFilename()).toMatch(/^[a-z-]+-\d{4}-\d\d-\d\d\.csv$/);
        const rows = lines(readFileSync(await file.path(), 'utf8'));
        expect(rows.length, path).toBe(many + 1);
        expect(new Set(rows.map((row) => row.length)).size, `${path}: as many fields in every row`).toBe(1);
        expect(rows[0]!.every(Boolean), `${path}: every column has a name`).toBe(true);
        expect(rows.flat().join('\n')).not.toMatch(/undefined|NaN|\[object/);
      }
    });
  }
  await visit(page, '/access');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
  expect(lines(readFileSync(await file.path(), 'utf8')).flat()).toContain(HOSTILE);
});

test('every attempt of a span is kept by the gateway, not by the page', async ({ enter }) => {
  const { page } = await enter('full');
  await visit(page, '/requests?range=1h');
  await page.getByRole('button', { name: 'Export' }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Every attempt as CSV' }).click()]);
  const rows = lines(readFileSync(await file.path(), 'utf8').replace(/\r?\n/g, '\r\n'));
  expect(rows.length).toBeGreaterThan(10);
});

/** Has a list of requests come by pages of seven. */
const bySevens = (page: Page) => page.route(/\/admin\/api\/usage\/requests\?/, (route) => route.continue({ url: route.request().url().replace('limit=100', 'limit=7') }));

test('a file holds the rows that were not loaded yet, too', async ({ enter }) => {
  const { page, gateway } = await enter('full');
  await bySevens(page);
  await visit(page, '/requests?range=30d');
  await expect(page.getByText('7 requests so far')).toBeVisible();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
  const { data } = await call(gateway.url, gateway.key, 'GET', '/admin/api/usage/requests?limit=200&period=30d');
  expect(data.requests.length).toBeGreaterThan(14);
  expect(lines(readFileSync(await file.path(), 'utf8')).length).toBeGreaterThanOrEqual(data.requests.length + 1);
  await expect(page.getByRole('button', { name: 'Load more' })).toHaveCount(0);
});

test('what is no table is kept as a file as well: the log, quotas, alerts that fire', async ({ enter }) => {
  const { page } = await enter('full');
  for (const [path, region, name] of [['/log', 'Lines', 'log'], ['/alerts', 'Quotas', 'quotas'], ['/alerts', 'Firing', 'firing-alerts']] as const) {
    await visit(page, path);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('region', { name: region }).getByRole('button', { name: 'CSV' }).click()]);
    expect(file.suggestedFilename()).toMatch(new RegExp(`^${name}-\\d{4}-\\d\\d-\\d\\d\\.csv$`));
    const rows = lines(readFileSync(await file.path(), 'utf8'));
    expect(rows.length, path).toBeGreaterThan(1);
    expect(new Set(rows.map((row) => row.length)).size, `${path}: as many fields in every row`).toBe(1);
    expect(rows[1]!.join()).toMatch(/\d{4}-\d\d-\d\dT/);
  }
});

test('the way back leads to where one was: as many rows, scrolled as far', async ({ enter }) => {
  const { page } = await enter('full');
  await bySevens(page);
  await page.setViewportSize({ width: 1440, height: 420 });
  await visit(page, '/requests?range=30d');
  const rows = page.locator('tbody tr:not(.skeleton)');
  for (const many of [14, 21]) {
    await page.getByRole('button', { name: 'Load more' }).click();
    await expect(rows).toHaveCount(many);
  }
  await rows.nth(20).scrollIntoViewIfNeeded();
  const top = await page.evaluate(() => window.scrollY);
  expect(top).toBeGreaterThan(200);
  await rows.nth(20).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('req_');
  await settled(page);
  expect(await page.evaluate(() => window.scrollY)).toBe(0);
  await page.goBack();
  await expect(rows).toHaveCount(21);
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBe(top);
  // By a link it begins at its beginning.
  await visit(page, '/models');
  await visit(page, '/requests?range=30d');
  await expect(rows).toHaveCount(7);
  expect(await page.evaluate(() => window.scrollY)).toBe(0);
});

test('an answer that is stopped before it began is no turn, and what was said is there again', async ({ enter }) => {
  const { page, guard, gateway } = await enter('full');
  guard.allow(/ERR_ABORTED|ERR_FAILED/);
  await visit(page, '/playground?model=simulator%2Fok');
  await page.route(/\/v1\/chat\/completions/, () => undefined);
  const said = page.getByLabel('What you say');
  await said.fill('wait for it');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.locator('.turn')).toHaveCount(0);
  await expect(said).toHaveValue('wait for it');
  // The tab is closed, and its token ends.
  const own = async () => (await call(gateway.url, gateway.key, 'GET', '/admin/api/tokens?q=playground&state=live')).data.tokens.length;
  await expect.poll(own).toBe(1);
  await page.goto('about:blank');
  await expect.poll(own).toBe(0);
});

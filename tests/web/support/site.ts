// What every test begins with: a browser that is signed in, and a guard that sees what a page must never do.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test as base, expect, type BrowserContext, type Page, type Request } from '@playwright/test';

export interface Gateway { url: string; key: string; code?: string; talk?: number; request?: string; run?: string; second?: string; first?: string; watched?: number; keymaster?: string; inferrer?: string }
type Name = 'full' | 'empty' | 'flows' | 'ways' | 'fresh' | 'bare';
export const world = (): Record<Name, Gateway> => JSON.parse(process.env['WEB_WORLD'] ?? '{}');

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Sees errors of the console, calls to other hosts, what the content policy refused, and markup that came to life. */
export class Guard {
  readonly faults: string[] = [];
  // A site in front of an older torod (WEB_SITE) does without the stream, as it does when a proxy in between cuts it.
  #allowed: RegExp[] = process.env['WEB_SITE'] ? [/404.*\/admin\/api\/live/] : [];

  constructor(context: BrowserContext, readonly home: string) {
    context.on('page', (page) => this.#watch(page));
    context.on('page', follow);
  }

  /** An error that a test brings about on purpose. */
  allow(what: RegExp): void {
    this.#allowed.push(what);
  }

  #watch(page: Page): void {
    page.on('console', (said) => {
      const text = `${said.text()} (${said.location().url})`;
      if (said.type() === 'error') this.#tell(`console: ${text}`);
    });
    page.on('pageerror', (error) => this.#tell(`uncaught: ${error.stack ?? error.message}`));
    page.on('request', (request) => {
      if (/^(data|blob|about):/.test(request.url()) || new URL(request.url()).origin === this.home) return;
      this.#tell(`asked another host: ${request.url()}`);
    });
    page.on('dialog', (dialog) => void dialog.accept().catch(() => undefined));
  }

  #tell(fault: string): void {
    if (!this.#allowed.some((one) => one.test(fault))) this.faults.push(fault);
  }

  async check(page: Page): Promise<void> {
    const [refused, struck] = await page.evaluate(() => {
      const told = window as unknown as { __refused?: string[]; __struck?: number };
      return [told.__refused ?? [], told.__struck] as const;
    });
    expect(refused, 'what the content policy refused').toEqual([]);
    expect(struck, 'a text that became markup').toBeUndefined();
    expect(this.faults).toEqual([]);
  }
}

/** What a page has asked for and not got yet; the live stream never ends. */
const asked = new WeakMap<Page, Set<Request>>();
function follow(page: Page): void {
  const open = new Set<Request>();
  asked.set(page, open);
  page.on('request', (request) => {
    // What the page before this one had asked for is of no interest any more.
    if (request.isNavigationRequest()) open.clear();
    // Neither the live stream nor what outlives its page ends here.
    if (request.resourceType() !== 'eventsource' && !request.url().includes('reason=finished')) open.add(request);
  });
  page.on('requestfinished', (request) => open.delete(request));
  page.on('requestfailed', (request) => open.delete(request));
}

interface Look { scheme?: 'light' | 'dark'; width?: number }
/** A browser of its own at a gateway; signed in unless told otherwise. */
export type Enter = (where: Name | Gateway, look?: Look & { isSignedOut?: boolean }) => Promise<{ page: Page; guard: Guard; context: BrowserContext; gateway: Gateway }>;

export const test = base.extend<{ enter: Enter }>({
  enter: async ({ browser }, use) => {
    const open: { context: BrowserContext; guard: Guard; page: Page }[] = [];
    await use(async (where, { scheme = 'light', width = 1440, isSignedOut = false } = {}) => {
      const gateway = typeof where === 'string' ? world()[where] : where;
      const context = await browser.newContext({ baseURL: gateway.url, colorScheme: scheme, viewport: { width, height: width < 600 ? 844 : 900 }, reducedMotion: 'reduce', ignoreHTTPSErrors: gateway.url.startsWith('https:') });
      await context.addInitScript(() => {
        const told = ((window as unknown as { __refused: string[] }).__refused = []) as string[];
        document.addEventListener('securitypolicyviolation', (event) => told.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
      });
      const guard = new Guard(context, gateway.url);
      if (!isSignedOut) {
        const answer = await context.request.post('/admin/api/login', { data: { key: gateway.key }, headers: { origin: gateway.url } });
        expect(answer.ok(), await answer.text()).toBe(true);
      }
      const page = await context.newPage();
      open.push({ context, guard, page });
      return { page, guard, context, gateway };
    });
    for (const { context, guard, page } of open) {
      if (!page.isClosed()) await guard.check(page);
      await context.close();
    }
  },
});

/** Waits until a page shows what it was asked for, and asks for nothing more. */
export async function settled(page: Page): Promise<void> {
  await expect(page.locator('h1')).toBeVisible();
  await expect(async () => {
    await expect(page.locator('[aria-busy="true"], tr.skeleton')).toHaveCount(0);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    expect([...(asked.get(page) ?? [])].map((one) => one.url())).toEqual([]);
  }).toPass({ intervals: [20, 50, 100] });
}

/** Goes to a page as a click does, without loading the site anew. */
export async function visit(page: Page, path: string): Promise<void> {
  if (!page.url().includes('/admin')) {
    await page.goto(`/admin${path}`);
  } else {
    await page.evaluate((to) => {
      const link = Object.assign(document.createElement('a'), { href: to });
      document.body.append(link);
      link.click();
      link.remove();
    }, `/admin${path}`);
  }
  await settled(page);
}

/** A question before something happens: says yes to it. What it is asked from may have a button of the same name. */
export async function agree(page: Page, act: string): Promise<void> {
  await page.locator('dialog[open].small').last().getByRole('button', { name: act, exact: true }).click();
}

/** What axe finds; nothing, if all is well. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe: judge } = window as unknown as { axe: { run: (what: unknown, how: unknown) => Promise<{ violations: { id: string; help: string; nodes: { target: string[]; failureSummary: string }[] }[] }> } };
    const told = await judge.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return told.violations.flatMap((one) => one.nodes.slice(0, 3).map((node) => `${one.id}: ${one.help}: ${node.target.join(' ')}: ${node.failureSummary.replace(/\s+/g, ' ').slice(0, 220)}`));
  });
}

/** How far a page reaches beyond its window, in pixels, and which elements do. */
export function overflow(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    if (document.documentElement.scrollWidth <= innerWidth) return [];
    const clipped = (one: Element): boolean => {
      for (let above = one.parentElement; above; above = above.parentElement) if (getComputedStyle(above).overflowX !== 'visible') return true;
      return false;
    };
    return [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !clipped(one)).slice(0, 4).map((one) => `${one.tagName.toLowerCase()}.${one.className} ends at ${Math.round(one.getBoundingClientRect().right)} px`);
  });
}

/** Texts that are cut off without a way to read them whole: no title on them, around them, or within. */
export function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => [...document.querySelectorAll<HTMLElement>('body *')].filter((one) => {
    if (one.scrollWidth <= one.clientWidth + 1 || one.clientWidth === 0 || one instanceof HTMLInputElement) return false;
    const style = getComputedStyle(one);
    return style.textOverflow === 'ellipsis' && style.overflowX !== 'visible' && style.visibility === 'visible' && !one.closest('[title]') && !one.querySelector('[title]');
  }).slice(0, 5).map((one) => `${one.tagName.toLowerCase()}.${one.className}: ${one.textContent.trim().slice(0, 60)}`));
}

/** What a program says where it should say nothing: values that are not there, and markup that came from outside. */
export function slips(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const said = [...document.querySelectorAll('img:not([src^="/admin/api/exchanges/"]), script:not([src]), iframe, object')].map((one) => `an element from outside: ${one.outerHTML.slice(0, 80)}`);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (/\bundefined\b|\bNaN\b|\[object |Invalid Date|\{\{/.test(node.textContent ?? '')) said.push(`a slip: ${node.textContent?.trim().slice(0, 80)}`);
    }
    return said;
  });
}

export { expect };

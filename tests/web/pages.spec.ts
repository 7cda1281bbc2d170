// Every page, with data and without, in light and dark, wide and on a phone: no error, nothing foreign, nothing that axe finds, nothing cut off.
import { expect, overflow, settled, test, violations, world } from './support/site';

const PAGES = ['/', '/requests', '/runs', '/runs?view=sessions', '/conversations', '/models', '/playground', '/routing', '/providers', '/access', '/network', '/alerts', '/log', '/audit', '/settings', '/me'];

for (const data of ['full', 'empty'] as const) {
  for (const scheme of ['light', 'dark'] as const) {
    for (const width of [1440, 390]) {
      test(`pages, ${data}, ${scheme}, ${width} px`, async ({ enter }) => {
        test.setTimeout(180_000);
        const { page, guard } = await enter(data, { scheme, width });
        guard.allow(/404.*conversations\/99999/);
        const { full } = world();
        const more = data === 'full' ? [`/conversations/${full.talk}`, `/conversations/${full.talk}?system=true`, '/conversations?q=login', `/requests/${full.request}`, `/runs/${full.run}`, '/log?level=trace&q=img'] : ['/conversations/99999', '/nowhere'];
        for (const path of [...PAGES, ...more]) {
          await test.step(path, async () => {
            await page.goto(`/admin${path}`);
            await settled(page);
            expect.soft(await overflow(page), `${path} at ${width} px`).toEqual([]);
            // Without data colours are the same: axe looks at each scheme once.
            if (data === 'full' || (scheme === 'light') === (width === 1440)) expect.soft(await violations(page), `${path}, ${scheme}`).toEqual([]);
          });
        }
      });
    }
  }
}

// Lists that follow what happens: as deep as somebody has looked, never shorter, and from the beginning when the question is another one.
import { describe, expect, it } from 'vitest';
import { Pages } from './resource.svelte';

/** A list of `many` rows by threes, and what was asked of it. */
function list(many: number): { pages: Pages<number>; asked: (string | undefined)[]; grow: (by: number) => void; hold: () => () => void } {
  const asked: (string | undefined)[] = [];
  let gate = Promise.resolve();
  const pages = new Pages<number>(async (cursor) => {
    asked.push(cursor);
    await gate;
    const from = Number(cursor ?? 0);
    const rows = Array.from({ length: Math.max(0, Math.min(3, many - from)) }, (_, at) => from + at);
    return { rows, next: from + 3 < many ? String(from + 3) : null };
  });
  return { pages, asked, grow: (by) => void (many += by), hold: () => { let open = (): void => undefined; gate = new Promise((done) => (open = done)); return open; } };
}

describe('a list page by page', () => {
  it('keeps what was loaded when it is asked again', async () => {
    const { pages, asked, grow } = list(8);
    await pages.reload();
    await pages.more();
    expect([pages.rows.length, pages.hasMore]).toEqual([6, true]);
    grow(1);
    await pages.refresh();
    expect([pages.rows.length, pages.hasMore]).toEqual([6, true]);
    expect(asked).toEqual([undefined, '3', undefined, '3']);
    await pages.more();
    expect([pages.rows.length, pages.hasMore]).toEqual([9, false]);
  });

  it('begins anew for another question', async () => {
    const { pages } = list(8);
    await pages.reload();
    await pages.more();
    await pages.reload();
    expect(pages.rows).toEqual([0, 1, 2]);
  });

  it('leaves alone who looks deep', async () => {
    const { pages, asked } = list(100);
    await pages.reload();
    for (let at = 0; at < Pages.DEEPEST; at++) await pages.more();
    const before = asked.length;
    await pages.refresh();
    expect(asked.length).toBe(before);
    expect(pages.rows.length).toBe(3 * (Pages.DEEPEST + 1));
  });

  it('has nobody who wants more wait for what is only asked again', async () => {
    const { pages, hold } = list(9);
    await pages.reload();
    const open = hold();
    const again = pages.refresh();
    const more = pages.more();
    open();
    await Promise.all([again, more]);
    expect(pages.rows).toEqual([0, 1, 2, 3, 4, 5]);
    expect(pages.isBusy).toBe(false);
  });

  it('is as deep after a change of one\'s own, however deep that is', async () => {
    const { pages } = list(100);
    await pages.reload();
    for (let at = 0; at < Pages.DEEPEST + 2; at++) await pages.more();
    await pages.again();
    expect(pages.rows.length).toBe(3 * (Pages.DEEPEST + 3));
  });

  it('begins as deep as somebody had looked who comes back, and at its beginning for the next question', async () => {
    const { pages } = list(100);
    pages.begin(4);
    await pages.reload();
    expect(pages.rows.length).toBe(12);
    await pages.reload();
    expect(pages.rows.length).toBe(3);
  });
});

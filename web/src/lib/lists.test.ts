// Tables, files, trees and finding.
import { describe, expect, it } from 'vitest';
import { csv, field } from './csv';
import { distance, rank } from './find';
import { plainTitle } from './filed';
import { plain, sorted } from './table';
import { tree } from './tree';

describe('files', () => {
  it('hold what tables show, in plain units', () => {
    expect(plain(1_234_560_000_000, 'money')).toBe('1234.56');
    expect(plain(-5_000_000, 'money')).toBe('-0.005');
    expect(plain(1_500, 'duration')).toBe(1.5);
    expect(plain(0, 'time')).toBe('1970-01-01T00:00:00.000Z');
    expect(plain(null, 'money')).toBe(null);
    expect(plainTitle('Cost', 'money')).toBe('Cost (USD)');
  });
  it('quote what needs it', () => expect(csv(['a', 'b'], [['x,y', 'say "hi"'], [1, null]])).toBe('a,b\r\n"x,y","say ""hi"""\r\n1,\r\n'));
  it('run no formula of a name that somebody chose', () => {
    for (const evil of ['=1+1', '+A1', '-2+3', '-A1', '@SUM(A1)', '\t=1']) expect(field(evil).replace(/^"/, '')[0]).toBe("'");
    expect(field(-2)).toBe('-2');
    expect(field('-0.05')).toBe('-0.05');
  });
});

describe('sorting', () => {
  const rows = [{ n: 'b', v: 2 }, { n: 'a10', v: null }, { n: 'a2', v: 5 }, { n: 'B', v: 2 }];
  it('puts what is not known last, both ways', () => {
    expect(sorted(rows, (row) => row.v, true).map((row) => row.v)).toEqual([5, 2, 2, null]);
    expect(sorted(rows, (row) => row.v, false).map((row) => row.v)).toEqual([2, 2, 5, null]);
  });
  it('counts in names, and keeps equal ones in their order', () => {
    expect(sorted(rows, (row) => row.n, false).map((row) => row.n)).toEqual(['a2', 'a10', 'b', 'B']);
    expect(sorted(rows, (row) => row.v, true).map((row) => row.n)).toEqual(['a2', 'b', 'B', 'a10']);
  });
});

describe('trees', () => {
  const order = (rows: { id: string; up: string | null }[]): string => tree(rows, (row) => row.id, (row) => row.up).map(({ row, depth }) => `${'-'.repeat(depth)}${row.id}`).join(' ');
  it('puts each right behind the one above', () => expect(order([{ id: 'b', up: 'a' }, { id: 'a', up: null }, { id: 'c', up: 'b' }, { id: 'd', up: 'a' }])).toBe('a -b --c -d'));
  it('loses nobody: parents that are not here, and circles', () => {
    expect(order([{ id: 'x', up: 'gone' }])).toBe('x');
    expect(order([{ id: 'p', up: 'q' }, { id: 'q', up: 'p' }]).split(' ').length).toBe(2);
    expect(order([{ id: 's', up: 's' }])).toBe('s');
  });
});

describe('finding', () => {
  it('puts whole words before letters in between', () => {
    expect(rank(['New token', 'Network', 'Audit', 'Own tokens'], 'tok', (word) => word)).toEqual(['New token', 'Own tokens', 'Network']);
    expect(rank(['Settings', 'Sessions'], 'se', (word) => word)).toEqual(['Settings', 'Sessions']);
    expect(distance('Overview', 'ovw')).toBeGreaterThan(3);
    expect(distance('Overview', 'xyz')).toBeUndefined();
    expect(rank(['a', 'b'], '', (word) => word)).toEqual(['a', 'b']);
  });
});

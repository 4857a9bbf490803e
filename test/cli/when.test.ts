import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseWhen } from '../../src/cli/when.ts';

// A Saturday, 11:00 in Berlin; the clocks went back on 25 October.
const now = new Date('2026-11-21T10:00:00Z');
const zone = process.env['TZ'];

beforeAll(() => {
  process.env['TZ'] = 'Europe/Berlin';
});

afterAll(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

describe('a point in time', () => {
  it.each([
    // Without a time of day: the end of that day, here.
    ['2026-11-01', '2026-11-01T22:59:59.999Z'],
    ['2026-07-01', '2026-07-01T21:59:59.999Z'],
    ['2026-10-25', '2026-10-25T22:59:59.999Z'],
    ['2024-02-29', '2024-02-29T22:59:59.999Z'],
    ['2026-10', '2026-10-31T22:59:59.999Z'],
    ['yesterday', '2026-11-20T22:59:59.999Z'],
    ['Yesterday ', '2026-11-20T22:59:59.999Z'],
    ['today', '2026-11-21T22:59:59.999Z'],
    ['3 days ago', '2026-11-18T22:59:59.999Z'],
    ['3d ago', '2026-11-18T22:59:59.999Z'],
    ['2 weeks ago', '2026-11-07T22:59:59.999Z'],
    ['last monday', '2026-11-16T22:59:59.999Z'],
    ['monday', '2026-11-16T22:59:59.999Z'],
    ['the day before yesterday', '2026-11-19T22:59:59.999Z'],
    ['1 Nov', '2026-11-01T22:59:59.999Z'],
    ['October', '2026-10-31T22:59:59.999Z'],
    ['last month', '2026-10-21T21:59:59.999Z'],
    // With one: exactly then.
    ['2026-11-01T12:00', '2026-11-01T11:00:00.000Z'],
    ['2026-11-01 12:00:30', '2026-11-01T11:00:30.000Z'],
    ['2026-11-01T12:00Z', '2026-11-01T12:00:00.000Z'],
    ['2026-11-01T12:00:00.123456+05:30', '2026-11-01T06:30:00.123Z'],
    ['2026-07-01T12:00-0800', '2026-07-01T20:00:00.000Z'],
    ['2 hours ago', '2026-11-21T08:00:00.000Z'],
    ['10 min ago', '2026-11-21T09:50:00.000Z'],
    ['yesterday 14:00', '2026-11-20T13:00:00.000Z'],
    ['yesterday at 5pm', '2026-11-20T16:00:00.000Z'],
    ['now', '2026-11-21T10:00:00.000Z'],
  ])('%j is %s', async (text, expected) => {
    expect((await parseWhen(text, now)).toISOString()).toBe(expected);
  });

  it.each([
    ['2026-11-01', '2026-10-31T23:00:00.000Z'],
    ['2026-10', '2026-09-30T22:00:00.000Z'],
    ['yesterday', '2026-11-19T23:00:00.000Z'],
    ['last monday', '2026-11-15T23:00:00.000Z'],
    ['October', '2026-09-30T22:00:00.000Z'],
    ['2026-11-01T12:00', '2026-11-01T11:00:00.000Z'],
    ['2 hours ago', '2026-11-21T08:00:00.000Z'],
  ])('%j begins at %s', async (text, expected) => {
    expect((await parseWhen(text, now, 'start')).toISOString()).toBe(expected);
  });

  it.each([
    '',
    ' ',
    'garbage',
    'banana yesterday',
    'yesterday banana',
    '5',
    '20261101',
    '2026-13-01',
    '2026-02-29',
    '2026-11-01T24:30',
    '2026-11-01T12:00+99:00',
    '1.11.2026',
    '11/01/2026',
    'yesterday 11/01',
    'yesterday evening',
    'monday to friday',
    '2026-11-01 or 2026-11-02',
    '\x1b[31m',
  ])('%j is none', async (text) => {
    await expect(parseWhen(text, now)).rejects.toMatchObject({ code: 'usage', exitCode: 2 });
  });
});

import { expect, it } from 'vitest';
import { DEFAULT_PORT, parseNeo, parseNeoHost, showNeo, showNeoHost } from '../../src/backends/neo-location.ts';

it.each([
  ['neo://host/documents', { host: 'host', port: DEFAULT_PORT, target: 'documents' }],
  [
    'neo://anna@backup.example.org:4000/a.b-c_1/',
    { host: 'backup.example.org', port: 4000, account: 'anna', target: 'a.b-c_1' },
  ],
  ['NEO://[::1]:7/x', { host: '::1', port: 7, target: 'x' }],
  ['neo://host/ann/documents', { host: 'host', port: DEFAULT_PORT, target: 'ann:documents' }],
])('%s', (text, place) => {
  expect(parseNeo(text)).toEqual(place);
  expect(parseNeo(showNeo(place))).toEqual(place);
});

it.each([
  'neo://host',
  'neo://host/',
  'neo:///documents',
  'neo://host/a/b/c',
  'neo://host/a:b',
  'neo://host/UPPER',
  'neo://host/..',
  'neo://host:0/a',
  'neo://host:99999/a',
  'neo://host/a?b=c',
  'neo://-host/a',
  'neo://@host/a',
])('%s is refused', (text) => {
  expect(() => parseNeo(text)).toThrow(expect.objectContaining({ code: 'usage' }));
});

it('repeats no secret that somebody put into it', () => {
  expect(() => parseNeo('neo://anna:hunter2@host/documents')).toThrow(/^secrets do not belong/);
});

it.each([
  ['neo://host', { host: 'host', port: DEFAULT_PORT }],
  ['neo://ann@[::1]:7/', { host: '::1', port: 7, account: 'ann' }],
])('%s is a server', (text, host) => {
  expect(parseNeoHost(text)).toEqual(host);
  expect(parseNeoHost(showNeoHost(host))).toEqual(host);
});

it.each(['neo://host/documents', 'neo://', 'neo://ann:secret@host', 'https://host'])('%s is no server', (text) => {
  expect(() => parseNeoHost(text)).toThrow(expect.objectContaining({ code: 'usage' }));
});

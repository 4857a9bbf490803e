import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openBackend, parseLocation } from '../../src/backends/location.ts';

describe('location', () => {
  it.each(['/srv/backup', 'backup', './sftp:x', '~/backup', 'C:\\backup', 'c:/backup', '/with:colon', '1a:b'])(
    'takes %j as a plain path',
    (text) => {
      expect(parseLocation(text)).toEqual({ kind: 'local', path: text });
    },
  );

  it.each([
    ['file:///srv/backup', '/srv/backup'],
    ['file:/srv/backup', '/srv/backup'],
    ['FILE:///srv/a%20b', '/srv/a b'],
    ['file://localhost/srv', '/srv'],
  ])('takes the URL %j as %j', (text, path) => {
    expect(parseLocation(text)).toEqual({ kind: 'local', path });
  });

  it.each(['peer:abc'])('says of %j that it is not supported yet', (text) => {
    expect(() => parseLocation(text)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringContaining('not supported yet'),
        hint: expect.any(String),
      }),
    );
  });

  it.each([
    ['sftp://host/srv/backup', { host: 'host' }, '/srv/backup'],
    ['sftp://ann@host:2222/srv/a%20b/', { host: 'host', user: 'ann', port: 2222 }, '/srv/a b'],
    ['sftp://host/~/backup', { host: 'host' }, 'backup'],
    ['SFTP://[::1]:22/x', { host: '::1', port: 22 }, '/x'],
    ['sftp:host:backup', { host: 'host' }, 'backup'],
    ['sftp:ann@host.example:/srv/b', { host: 'host.example', user: 'ann' }, '/srv/b'],
  ])('takes %j as a place on another machine', (text, target, path) => {
    expect(parseLocation(text)).toEqual({ kind: 'sftp', target, path });
  });

  it.each([
    'sftp://-oProxyCommand=id/x',
    'sftp:-oProxyCommand=id:x',
    'sftp://-l@host/x',
    'sftp:-F@host:x',
    'sftp://host:-1/x',
    'sftp://host:22 -v/x',
    'sftp://ho st/x',
    'sftp://host;id/x',
    'sftp://$(id)/x',
    'sftp://a:secret@host/x',
    'sftp://host',
    'sftp://host/',
    'sftp:host',
    'sftp:host:',
    'sftp:/x',
    'sftp://host/%zz',
  ])('lets nothing of %j become an option of ssh or a command', (text) => {
    expect(() => parseLocation(text)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it.each(['', 'http://x', 'backup:monday', 'file:relative', 'file://host/path', 'file:///a%2Fb', 'a\0b'])(
    'refuses %j',
    (text) => {
      expect(() => parseLocation(text)).toThrow(expect.objectContaining({ code: 'usage' }));
    },
  );

  it('does not repeat what may be a secret in an error', () => {
    try {
      parseLocation('sftp://user:secret@host/');
    } catch (error) {
      expect(String(error)).not.toContain('secret');
    }
    expect.assertions(1);
  });

  it('opens a folder, and makes it only when told to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'neo-location-'));
    try {
      const location = parseLocation(pathToFileURL(join(folder, 'repository')).href);
      const reader = await openBackend(location);
      expect(await reader.get('config/0-aa')).toBeUndefined();
      await expect(stat(join(folder, 'repository'))).rejects.toThrow('ENOENT');
      const writer = await openBackend(location, { create: true });
      await writer.put('config/0-aa', new Uint8Array([1]));
      expect(await reader.get('config/0-aa')).toEqual(new Uint8Array([1]));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

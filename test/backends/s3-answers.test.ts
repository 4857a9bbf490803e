import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beginsAt, infoOf, lengthOf, readPage } from '../../src/backends/s3/answers.ts';
import { readXml } from '../../src/backends/s3/xml.ts';
import { utf8 } from '../../src/core/bytes.ts';

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#13;');

/** Characters that XML 1.0 can hold at all. */
const text = fc.string({ unit: 'grapheme' }).filter((value) => /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD]*$/u.test(value));

describe('what stores answer', () => {
  it('reads pages as they were written', () => {
    const object = fc.record({ key: text, size: fc.nat(), modified: fc.date({ noInvalidDate: true }) });
    const page = fc.record({
      objects: fc.array(object),
      prefixes: fc.array(text),
      next: fc.option(text, { nil: undefined }),
    });
    fc.assert(
      fc.property(page, ({ objects, prefixes, next }) => {
        const contents = objects.map(
          ({ key, size, modified }) =>
            `<Contents><Key>${escaped(key)}</Key><Size>${size}</Size><Owner><ID>x</ID></Owner>` +
            `<LastModified>${modified.toISOString()}</LastModified></Contents>`,
        );
        const common = prefixes.map((prefix) => `<CommonPrefixes><Prefix>${escaped(prefix)}</Prefix></CommonPrefixes>`);
        const token = next === undefined ? '' : `<NextContinuationToken>${escaped(next)}</NextContinuationToken>`;
        const xml =
          `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
          `<Prefix>none</Prefix><IsTruncated>${next !== undefined}</IsTruncated>${token}${contents.join('\n')}${common.join('')}</ListBucketResult>`;
        expect(readPage(utf8(xml))).toEqual({
          objects: objects.map(({ key, size, modified }) => ({
            key,
            size: `${size}`,
            modified: modified.toISOString(),
          })),
          prefixes,
          next,
        });
      }),
    );
  });

  it('does not end on what is no XML, whatever it is', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readXml(bytes)));
    fc.assert(fc.property(text, (value) => void readXml(utf8(`<a>${value}`))));
    expect(readXml(utf8('<a>'.repeat(200_000)))).toBeUndefined();
    expect(readXml(utf8(`${'<a>'.repeat(100_000)}${'</a>'.repeat(100_000)}`))).toBeUndefined();
    expect(readXml(Uint8Array.of(0x3c, 0xff, 0xfe))).toBeUndefined();
  });

  it('expands nothing that a document declares itself', () => {
    const laughs =
      '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;"><!ENTITY f SYSTEM "file:///etc/hostname">]><a>&y;&f;</a>';
    expect(readXml(utf8(laughs))).toBeUndefined();
  });

  it.each([undefined, '', '-1', '1e3', '0x10', ' 1', '9'.repeat(16)])('does not take %j for a length', (length) => {
    expect(() => infoOf('a', length, 'Thu, 01 Jan 1970 00:00:07 GMT')).toThrow('how long');
    expect(() => lengthOf('a', length === undefined ? {} : { 'content-length': length })).toThrow('bytes long');
  });

  it('takes whole seconds, and no more than a repository could hold', () => {
    expect(infoOf('a', '7', '1970-01-01T00:00:07.999Z')).toEqual({ path: 'a', size: 7, modified: 7000 });
    expect(() => infoOf('a', '7', 'yesterday')).toThrow('of when');
    expect(lengthOf('a', { 'content-length': `${2 ** 31}` })).toBe(2 ** 31);
    expect(() => lengthOf('a', { 'content-length': `${2 ** 31 + 1}` })).toThrow('bytes long');
  });

  it('knows a range by where it begins', () => {
    expect(beginsAt({ 'content-range': 'bytes 7-106/1000' }, 7)).toBe(true);
    expect(beginsAt({ 'content-range': 'bytes 70-106/1000' }, 7)).toBe(false);
    expect(beginsAt({}, 0)).toBe(false);
  });
});

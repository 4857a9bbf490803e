import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseS3, type S3Place, showS3 } from '../../src/backends/s3-location.ts';

describe('an s3: location', () => {
  it.each<[string, S3Place]>([
    ['s3://backup', { bucket: 'backup', prefix: '', style: 'virtual' }],
    ['S3://backup/', { bucket: 'backup', prefix: '', style: 'virtual' }],
    ['s3://backup/a/b%20c/', { bucket: 'backup', prefix: 'a/b c/', style: 'virtual' }],
    ['s3://backup?region=eu-west-1', { bucket: 'backup', prefix: '', style: 'virtual', region: 'eu-west-1' }],
    [
      's3://backup/x?endpoint=https://s3.example.org/',
      { bucket: 'backup', prefix: 'x/', style: 'path', endpoint: 'https://s3.example.org' },
    ],
    [
      's3://backup/x?endpoint=s3.example.org&style=virtual&storage-class=STANDARD_IA',
      {
        bucket: 'backup',
        prefix: 'x/',
        style: 'virtual',
        endpoint: 'https://s3.example.org',
        storageClass: 'STANDARD_IA',
      },
    ],
  ])('is %j', (text, place) => {
    expect(parseS3(text)).toEqual(place);
  });

  it.each([
    's3:',
    's3:bucket',
    's3://',
    's3:///path',
    's3://b',
    's3://-bucket/x',
    's3://buck et/x',
    's3://bucket/../x',
    's3://bucket/%00',
    's3://bucket/%zz',
    's3://bucket#x',
    's3://bucket?secret=x',
    's3://bucket?region=a&region=b',
    's3://bucket?region=EU West',
    's3://bucket?style=round',
    's3://bucket?endpoint=ftp://x',
    's3://bucket?endpoint=http://x/?y=1',
    's3://bucket?storage-class=DEEP_ARCHIVE',
    's3://bucket?storage-class=lower',
    's3://key:sEcReT@bucket/x',
    's3://bucket?endpoint=https://key:sEcReT@host',
  ])('is not %j, and the error does not repeat it', (text) => {
    let error: unknown;
    try {
      parseS3(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'usage', hint: expect.any(String) });
    expect(JSON.stringify(error) + String(error)).not.toContain('sEcReT');
  });

  it('is shown as it can be typed again', () => {
    const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{2,20}$/);
    const places = fc.record(
      {
        bucket: name,
        prefix: fc.array(name, { maxLength: 3 }).map((parts) => parts.map((part) => `${part}/`).join('')),
        style: fc.constantFrom('path' as const, 'virtual' as const),
        endpoint: name.map((host) => `https://${host}.example.org:8443/path`),
        region: name,
        storageClass: fc.constantFrom('STANDARD', 'STANDARD_IA', 'ONEZONE_IA'),
      },
      { requiredKeys: ['bucket', 'prefix', 'style'] },
    );
    fc.assert(
      fc.property(places, (place) => {
        expect(parseS3(showS3(place))).toEqual(place);
      }),
    );
  });
});

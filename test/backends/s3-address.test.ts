import { describe, expect, it } from 'vitest';
import { addressOf, encodeName } from '../../src/backends/s3/address.ts';
import { parseS3 } from '../../src/backends/s3-location.ts';

const at = (location: string, region = 'eu-west-1'): string => {
  const { isSecure, hostname, port, path } = addressOf(parseS3(location), region);
  return `${isSecure ? 'https' : 'http'}://${hostname}${port === undefined ? '' : `:${port}`}${path}`;
};

describe('where a bucket answers', () => {
  it.each([
    ['s3://backup/laptop', 'https://backup.s3.eu-west-1.amazonaws.com'],
    ['s3://backup?style=path', 'https://s3.eu-west-1.amazonaws.com/backup'],
    // What is no name of a host, or has no certificate as one.
    ['s3://my.backup', 'https://s3.eu-west-1.amazonaws.com/my.backup'],
    ['s3://Backup', 'https://s3.eu-west-1.amazonaws.com/Backup'],
    ['s3://backup?endpoint=https://s3.example.org', 'https://s3.example.org/backup'],
    ['s3://backup?endpoint=http://s3.example.org:8080/base/', 'http://s3.example.org:8080/base/backup'],
    ['s3://backup?endpoint=https://s3.example.org:9000&style=virtual', 'https://backup.s3.example.org:9000'],
    ['s3://backup?endpoint=http://127.0.0.1:9000&style=virtual', 'http://127.0.0.1:9000/backup'],
    ['s3://backup?endpoint=http://[::1]:9000&style=virtual', 'http://::1:9000/backup'],
  ])('%s: %s', (location, url) => {
    expect(at(location)).toBe(url);
  });

  it.each([
    ['cn-north-1', 'https://backup.s3.cn-north-1.amazonaws.com.cn'],
    ['eusc-de-east-1', 'https://backup.s3.eusc-de-east-1.amazonaws.eu'],
    ['us-gov-west-1', 'https://backup.s3.us-gov-west-1.amazonaws.com'],
    ['us-isob-east-1', 'https://backup.s3.us-isob-east-1.sc2s.sgov.gov'],
  ])('in the region %s: %s', (region, url) => {
    expect(at('s3://backup', region)).toBe(url);
  });

  it('encodes all but what RFC 3986 calls unreserved', () => {
    expect(encodeName("aZ09-._~ !'()*+/=&%ü\u{1F600}")).toBe(
      'aZ09-._~%20%21%27%28%29%2A%2B%2F%3D%26%25%C3%BC%F0%9F%98%80',
    );
  });
});

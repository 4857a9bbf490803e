import { expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { parseJson } from '../../src/core/json.ts';

it('says nothing of what is not JSON: it may be a password file in the place of a key file', () => {
  try {
    parseJson(utf8('hunter2'));
    expect.unreachable();
  } catch (error) {
    for (let at = error; at instanceof Error; at = at.cause) expect(at.stack).not.toContain('hunter');
  }
});

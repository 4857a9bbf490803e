/** What the environment says of buckets, beside credentials. */
import type { OpenOptions } from '../backends/location.ts';

/** As Amazon's tools take them. */
export function s3Surroundings(env: NodeJS.ProcessEnv): NonNullable<OpenOptions['s3']> {
  const region = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'];
  const authorities = env['AWS_CA_BUNDLE'];
  return { ...(region ? { region } : {}), ...(authorities ? { authorities } : {}) };
}

/** What tells Amazon's machines the keys of their role: "Use IMDSv2", Amazon EC2 User Guide. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TemporaryKeys } from './radosgw.ts';

export interface InstanceMetadata {
  readonly endpoint: string;
  stop(): Promise<void>;
}

const ROLES = '/latest/meta-data/iam/security-credentials/';

export async function startInstanceMetadata(keys: TemporaryKeys): Promise<InstanceMetadata> {
  const credentials = JSON.stringify({
    Code: 'Success',
    AccessKeyId: keys.AWS_ACCESS_KEY_ID,
    SecretAccessKey: keys.AWS_SECRET_ACCESS_KEY,
    Token: keys.AWS_SESSION_TOKEN,
    Expiration: new Date(Date.now() + 3_600_000).toISOString(),
  });
  const answers = new Map([
    ['PUT /latest/api/token', 'a token'],
    [`GET ${ROLES}`, 'backup'],
    [`GET ${ROLES}backup`, credentials],
  ]);
  const server = createServer(({ method, url, headers }, response) => {
    const answer = answers.get(`${method} ${url}`);
    const isAllowed = method === 'PUT' || headers['x-aws-ec2-metadata-token'] === 'a token';
    response.writeHead(answer === undefined ? 404 : isAllowed ? 200 : 401).end(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

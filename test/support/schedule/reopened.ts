/** The same client, who begins again: with the configuration that is in force by now. */
import { openRepository, type Repository } from '../../../src/repo/repository.ts';

export async function reopened(repository: Repository): Promise<Repository> {
  const { backend, kek, client } = repository;
  return openRepository(repository, backend, { credential: { type: 'secret', secret: kek }, keySlot: client });
}

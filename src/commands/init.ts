import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { parseCompression } from '../cli/compression.ts';
import { kdfFlag, parseKdf } from '../cli/key-flags.ts';
import { type InitChoices, initAt, newPassword, type Place, resolvePlace } from '../cli/open.ts';
import { type OtherFlags, openOther, otherFlags } from '../cli/other-repository.ts';
import type { Output } from '../cli/output.ts';
import { NeoError } from '../core/errors.ts';
import { parseSize } from '../core/format.ts';
import { slotContents } from '../repo/keyring.ts';
import { requireFull } from '../repo/repository.ts';
import { checkWishes } from '../tasks/init.ts';

const SUITES = ['aes-256-gcm', 'chacha20-poly1305'] as const;

export default class Init extends NeoCommand {
  static override summary = 'Make a repository';
  static override description =
    'The password is asked for twice, or comes from NEO_PASSWORD_COMMAND, NEO_PASSWORD_FILE or NEO_PASSWORD. Without ' +
    'it, or a key made with it, nobody can read what the repository holds. What is chosen here holds for all clients ' +
    'of the repository. A folder that holds a repository, or other files, is left untouched.';
  static override examples = [
    '<%= config.bin %> init',
    '<%= config.bin %> init --repo /mnt/backup/neo',
    '<%= config.bin %> init --repo "s3://backup/laptop?endpoint=https://s3.example.org" --create-bucket',
    '<%= config.bin %> init --repo /mnt/mirror/neo --copy-secrets-from /mnt/backup/neo',
    '<%= config.bin %> init --repo /mnt/backup/images --chunker 256k,1M,4M --pack-size 64M --compression better',
  ];
  static override flags = {
    chunker: Flags.string({
      helpValue: 'MIN,AVERAGE,MAX',
      summary: 'Sizes of chunks; the average is a power of two. Default: 32k,128k,512k.',
    }),
    'pack-size': Flags.string({ helpValue: 'SIZE', summary: 'Size that packs are filled to. Default: 16M.' }),
    compression: Flags.string({
      helpValue: 'LEVEL',
      summary: 'off, fast, default, better, max, or a zstd level up to 22. Default: 3.',
    }),
    'create-bucket': Flags.boolean({ summary: 'Make the bucket of an s3: location, if there is none.' }),
    'copy-secrets-from': Flags.string({
      helpValue: 'LOCATION',
      exclusive: ['chunker'],
      summary: 'Take the content secrets and sizes of that repository: `neo copy` between them stores nothing twice.',
    }),
    kdf: kdfFlag,
    suite: Flags.option({ options: SUITES, summary: 'Cipher of the data. Default: aes-256-gcm.' })(),
    ...otherFlags,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Init);
    const derivation = parseKdf(flags.kdf);
    const place = withBucket(await resolvePlace(flags, this.out), flags['create-bucket']);
    const model = flags['copy-secrets-from'];
    const wishes: InitChoices = {
      ...(model === undefined ? {} : await secretsOf(model, flags, this.out)),
      ...(flags.chunker === undefined ? {} : { chunker: parseChunker(flags.chunker) }),
      ...(flags['pack-size'] === undefined ? {} : { packTarget: parseSize(flags['pack-size']) }),
      ...(flags.compression === undefined ? {} : { compression: parseCompression(flags.compression) }),
      ...(flags.suite === undefined ? {} : { blobSuite: flags.suite }),
    };
    const note = (message: string): void => this.events({ type: 'note', message });
    const choices = checkWishes(place.surroundings.engine, wishes, note);
    const { location } = place.location;
    const password = (): Promise<Uint8Array> => newPassword(flags, this.out, 'Password for the new repository');
    const { config } = await initAt(place, choices, password, derivation);
    const { repository, chunker, packTarget, compression, blobSuite } = config;
    const body = { repository, location, chunker, packSize: packTarget, compression, suite: blobSuite };
    await this.out.record('summary', body, `made repository ${repository.slice(0, 8)} at ${location}`);
    await this.out.flush();
    this.out.note('without the password nobody can read it, not even you: keep it safe');
    const where = place.location.origin === 'flag' ? ` --repo ${quoted(flags.repo ?? '')}` : '';
    this.out.note(`next: neo snapshot${where} PATH`);
  }
}

function withBucket(place: Place, createBucket: boolean): Place {
  return { ...place, connection: { ...place.connection, createBucket } };
}

/** @throws NeoError permission-denied without role full there, and as openOther */
async function secretsOf(location: string, flags: OtherFlags, out: Output): Promise<InitChoices> {
  const { repository } = await openOther(location, flags, out);
  const { root } = requireFull(repository, 'give its secrets to another repository');
  const { chunker, bundle, packTarget, compression, blobSuite } = repository.config;
  const contents = slotContents(repository.keys.content);
  return { root, contents, chunker, bundle, packTarget, compression, blobSuite };
}

/** @throws NeoError usage unless it is three sizes; their bounds are checked by the chunker */
function parseChunker(text: string): { min: number; average: number; max: number } {
  const [min, average, max, ...more] = text.split(',').map((size) => parseSize(size));
  if (min !== undefined && average !== undefined && max !== undefined && more.length === 0)
    return { min, average, max };
  throw new NeoError('usage', `--chunker needs three sizes: ${JSON.stringify(text)}`, {
    hint: 'such as 32k,128k,512k',
  });
}

/** As the shell wants it, so that the line can be typed as it stands. */
function quoted(text: string): string {
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as Flags from '@oclif/core/flags';
import { PlainCommand } from '../../cli/base-command.ts';
import { dataRootFlag, dataRootOf } from '../../cli/data-root.ts';
import { parseListen } from '../../cli/listen.ts';
import { systemFolders } from '../../cli/surroundings.ts';
import { DEFAULT_STATE, unitText } from '../../cli/systemd-unit.ts';
import { NeoError, systemCode } from '../../core/errors.ts';
import { ownFile } from '../../core/program-files.ts';

const SYSTEM_UNIT = '/etc/systemd/system/neo.service';

export default class ServeInstall extends PlainCommand {
  static override summary = 'Write the unit by which systemd runs neo serve';
  static override description =
    'The service sees little of the machine and may do little there. Without --user it runs as a user that nothing else ' +
    'has, with its data in /var/lib/neo. Nothing is started: what to type for that is said.';
  static override examples = [
    '<%= config.bin %> serve install',
    '<%= config.bin %> serve install --user neo --data-root /srv/neo --listen 0.0.0.0:443 --name backup.example.org',
    '<%= config.bin %> serve install --user-unit',
    '<%= config.bin %> serve install --print',
  ];
  static override flags = {
    ...dataRootFlag,
    user: Flags.string({ helpValue: 'NAME', summary: 'As whom it runs.', exclusive: ['user-unit'] }),
    listen: Flags.string({ helpValue: 'HOST:PORT', summary: 'As of neo serve.' }),
    name: Flags.string({ helpValue: 'HOST', multiple: true, summary: 'As of neo serve.' }),
    config: Flags.string({ helpValue: 'FILE', summary: 'As of neo serve.' }),
    'user-unit': Flags.boolean({ summary: "A unit of this user's own systemd, in ~/.config/systemd/user." }),
    print: Flags.boolean({ summary: 'Print it, and write nothing.', exclusive: ['force'] }),
    force: Flags.boolean({ summary: 'In place of another one.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ServeInstall);
    const isOfUser = flags['user-unit'];
    const dataRoot = !isOfUser && flags['data-root'] === undefined ? DEFAULT_STATE : dataRootOf(flags);
    const { port } = parseListen(flags.listen);
    const said = (name: string, value: string | undefined) => (value === undefined ? [] : [`--${name}`, value]);
    const names = (flags.name ?? []).flatMap((each) => said('name', each));
    const config = flags.config === undefined ? undefined : resolve(flags.config);
    const text = unitText({
      program: [process.execPath, fileURLToPath(ownFile('bin/neo.cjs'))],
      args: ['--data-root', dataRoot, ...said('config', config), ...said('listen', flags.listen), ...names],
      ...{ user: flags.user, isOfUser, dataRoot, port },
    });
    if (flags.print) return this.out.record('unit', { text }, text.trimEnd());
    const path = isOfUser ? join(dirname(systemFolders().config), 'systemd/user/neo.service') : SYSTEM_UNIT;
    const isNew = await writeUnit(path, text, flags.force);
    const command = `systemctl ${isOfUser ? '--user ' : ''}daemon-reload && systemctl ${isOfUser ? '--user ' : ''}enable --now neo`;
    await this.out.record('summary', { path, isNew }, isNew ? `wrote ${path}` : `${path} is so already`);
    this.out.note(`to start it: ${command}`);
  }
}

/** False when it is there as it should be. @throws NeoError already-exists */
async function writeUnit(path: string, text: string, force: boolean): Promise<boolean> {
  const there = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (there === text) return false;
  if (there !== undefined && !force) {
    throw new NeoError('already-exists', `${path} is there already, with other lines`, {
      hint: 'compare with --print; --force writes in its place',
    });
  }
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
  return true;
}

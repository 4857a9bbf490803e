import { PlainCommand } from '../cli/base-command.ts';

export default class Version extends PlainCommand {
  static override summary = 'Show the version of neo and of what it runs on';
  static override examples = ['<%= config.bin %> version', '<%= config.bin %> version --json'];

  async run(): Promise<void> {
    await this.parse(Version);
    const { version } = this.config;
    const body = { version, node: process.version, platform: process.platform, arch: process.arch };
    await this.out.record('version', body, this.config.userAgent);
  }
}

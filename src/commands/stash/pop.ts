import StashApply from './apply.ts';

export default class StashPop extends StashApply {
  static override summary = 'Put a stash back to where it came from, and drop it';
  static override description =
    'As neo stash apply; when all of it is back the stash goes to the trash: neo undo brings it back.';
  static override examples = ['<%= config.bin %> stash pop', '<%= config.bin %> stash pop 2 --dry-run'];

  override async run(): Promise<void> {
    await this.putBack(true);
  }
}

/**
 * Settings of a running server, by whoever decides each: a flag, `server.toml`, an administrator over the wire, or nobody. What is set over the
 * wire is in the database, in force at once, and after a start. What would protect less against stolen keys counts only a while later.
 */
import type { Kysely, Transaction } from 'kysely';
import type { Clock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import type { ControlAnswer } from '../protocol/control.ts';
import {
  type GivenSettings,
  isSettingName,
  type Level,
  readSetting,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type SettingValue,
  spanOf,
} from '../protocol/settings.ts';
import type { Tables } from './database/tables.ts';
import type { RemovalLimits } from './removal-guard.ts';

type Setting = ControlAnswer<'config-set'>;

/** `before` holds until `since`, then `value`; null: by default. */
interface Decided {
  readonly value: string | null;
  readonly before: string | null;
  readonly since: number;
}

/** So long at most a protection that is lowered goes on: one that was made endless by mistake has to end. */
const LONGEST_MS = 7 * 24 * 3_600_000;

/** How much is protected: more of it is more. */
const PROTECTION: { readonly [N in SettingName]?: (text: string) => number } = {
  'removals.after': spanOf,
  'removals.most': (text) => -Number(text),
};

export interface SettingsOptions {
  readonly db: Kysely<Tables>;
  readonly clock: Pick<Clock, 'now'>;
  readonly given: GivenSettings;
  /** In development: second factors are optional, whoever says what. */
  readonly dev: boolean;
  /** Told the level of the log, at first and when it changes. */
  readonly onLevel: (level: Level) => void;
}

export class Settings {
  readonly #options: SettingsOptions;
  #decided: ReadonlyMap<SettingName, Decided> = new Map();
  /** As it is at each moment. */
  readonly removals: RemovalLimits;

  private constructor(options: SettingsOptions) {
    this.#options = options;
    const text = (name: SettingName): string => this.#held(name).value;
    this.removals = {
      get grace() {
        return spanOf(text('removals.after'));
      },
      get part() {
        return Number(text('removals.most'));
      },
    };
  }

  static async open(options: SettingsOptions): Promise<Settings> {
    const settings = new Settings(options);
    await settings.load();
    return settings;
  }

  get secondFactor(): SettingValue<'second-factor'> {
    return this.#options.dev ? 'optional' : readSetting('second-factor', this.#held('second-factor').value);
  }

  /** Whether the metrics tell how old the newest snapshot of each target is. */
  get snapshotAge(): boolean {
    return this.#held('metrics.snapshot-age').value === 'true';
  }

  list(): Setting[] {
    return SETTING_NAMES.map((name) => this.of(name));
  }

  of(name: SettingName): Setting {
    const { clock, given } = this.#options;
    const decided = given[name] === undefined ? this.#decided.get(name) : undefined;
    const isLater = decided !== undefined && clock.now() < decided.since;
    const later = isLater ? { next: decided.value ?? SETTINGS[name].standard, since: decided.since } : NOTHING_LATER;
    return { name, ...this.#held(name), ...later };
  }

  #held(name: SettingName): Pick<Setting, 'value' | 'source'> {
    const given = this.#options.given[name];
    if (given !== undefined) return given;
    const value = heldOf(this.#decided.get(name), this.#options.clock.now());
    return value === null ? { value: SETTINGS[name].standard, source: 'default' } : { value, source: 'wire' };
  }

  /**
   * Writes it down; {@link load} puts it in force.
   * @param value as {@link readSetting} takes it; null: by default again
   * @throws NeoError usage when it is decided elsewhere
   */
  async decide(trx: Transaction<Tables>, name: SettingName, value: string | null): Promise<void> {
    const { clock, given } = this.#options;
    const decider = given[name];
    if (decider !== undefined) throw decidedBy(decider, name);
    const now = clock.now();
    const row = await trx.selectFrom('config').where('name', '=', name).selectAll().executeTakeFirst();
    const known = row !== undefined && isReadable(name, row) ? row : undefined;
    // Said once more, it does not wait for longer.
    if (known !== undefined && known.value === value && now < known.since) return;
    const before = heldOf(known, now);
    const { standard } = SETTINGS[name];
    const wait = isLower(name, before ?? standard, value ?? standard) ? Math.min(this.removals.grace, LONGEST_MS) : 0;
    const decided = { value, before, since: now + wait };
    await trx
      .insertInto('config')
      .values({ name, ...decided })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(decided))
      .execute();
  }

  /** By the database. */
  async load(): Promise<void> {
    const { db, onLevel } = this.#options;
    const rows = await db.selectFrom('config').selectAll().execute();
    this.#decided = new Map(
      rows.flatMap(({ name, ...decided }) =>
        isSettingName(name) && isReadable(name, decided) ? [[name, decided] as const] : [],
      ),
    );
    onLevel(readSetting('log-level', this.#held('log-level').value));
  }
}

const NOTHING_LATER = { next: null, since: null };

function heldOf(decided: Decided | undefined, now: number): string | null {
  if (decided === undefined) return null;
  return now < decided.since ? decided.before : decided.value;
}

function isLower(name: SettingName, from: string, to: string): boolean {
  const protection = PROTECTION[name];
  return protection !== undefined && protection(to) < protection(from);
}

/** What another version wrote down, and this one does not take, is as if nobody had said it. */
function isReadable(name: SettingName, { value, before }: Decided): boolean {
  try {
    for (const text of [value, before]) if (text !== null) readSetting(name, text);
    return true;
  } catch {
    return false;
  }
}

function decidedBy({ source, value }: { readonly source: 'flag' | 'file'; readonly value: string }, name: string) {
  const where = source === 'flag' ? 'a flag of neo serve' : "the server's configuration file";
  return new NeoError('usage', `${name} is decided by ${where} (${value}), and cannot be changed over the wire`, {
    hint: 'take it away there and start the server anew: then it can be set here',
  });
}

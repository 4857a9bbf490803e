/** A server without a line to anybody: its database, its storage, and what it answers. */
import { join } from 'node:path';
import { fromHex } from '../core/bytes.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import { type Random, systemRandom } from '../core/random.ts';
import type { Engine } from '../engine/engine.ts';
import { hashToken } from '../engine/verifier.ts';
import type { GivenSettings, Level } from '../protocol/settings.ts';
import { BackOff } from './back-off.ts';
import { ChangeFeeds, type Told } from './changes.ts';
import { insertCode } from './control/new-account.ts';
import { makeDataRoot } from './data-root.ts';
import { type Database, openDatabase } from './database/open.ts';
import { Directory } from './directory.ts';
import type { Handler } from './handler.ts';
import { makeHandler } from './handlers.ts';
import { Health } from './health.ts';
import { NO_KEYS, type ServerKeys } from './key-pool.ts';
import { catchUp, uncleanTargets } from './ledger/catch-up.ts';
import { Deeds } from './ledger/deeds.ts';
import { ledgerSeed } from './ledger/key.ts';
import { Ledger, type LedgerOptions } from './ledger/ledger.ts';
import { type Log, silentLog } from './log.ts';
import { Metrics } from './metrics.ts';
import { News } from './news.ts';
import { Removals } from './removals.ts';
import { Replication } from './replication/replication.ts';
import { Turns } from './replication/turns.ts';
import { Reporter } from './reporter.ts';
import { Settings } from './settings.ts';
import { openTargetStorage, type StoreOptions } from './storage/choice.ts';
import type { TargetStorage } from './storage/storage.ts';
import { type Strays, TargetStore } from './targets.ts';

export interface ServerOptions {
  /** Made where there is none. */
  readonly dataRoot: string;
  /** A bucket for the objects of all targets; without it they lie in the data folder. */
  readonly store?: StoreOptions | undefined;
  /** Of the program. */
  readonly version: string;
  readonly engine: Engine;
  readonly clock?: Clock;
  readonly random?: Random;
  /** What people see beside the codes of their second factor: the host by which they reach it. */
  readonly issuer: string;
  /** What went wrong here, and is no refusal; for the log. */
  readonly onFault: (error: unknown) => void;
  readonly log?: Log;
  /** What administrators cannot change over the wire. */
  readonly settings?: GivenSettings;
  /** Told the level of the log, once it is known and when it changes. */
  readonly onLevel?: (level: Level) => void;
  /** In development: second factors are optional whatever the settings say, and whoever asks is told. */
  readonly dev?: boolean;
  readonly metrics?: MetricsOptions;
  /** Its keys, read when nobody else uses the data folder any more. */
  readonly openKeys?: () => Promise<ServerKeys>;
  /** Milliseconds after which whoever carries the requests gives up one on which nothing moves. */
  readonly idle?: number;
}

export interface MetricsOptions {
  /** Lets a monitor in that has no account. */
  readonly token?: string | undefined;
}

export interface NeoServer {
  /** Of this server, for ever. */
  readonly site: string;
  readonly handler: Handler;
  readonly database: Database;
  readonly keys: ServerKeys;
  readonly metrics: Metrics;
  /** While there is no administrator: whoever has it becomes the first one. A new one at each start. */
  readonly adminCode: string | undefined;
  /** Resolves when an administrator has ended the server. */
  readonly shutdownAsked: Promise<void>;
  /** As it was given; whoever watches is told as well. */
  readonly log: Log;
  readonly feeds: ChangeFeeds;
  readonly news: News;
  /** Whoever waits for what may come is answered with what there is; before {@link close}. */
  endWaiting(): void;
  /** Whoever is being answered is to be done by then. */
  close(): Promise<void>;
}

/** What was metered, and who was here, is written down so often. */
const SAVE_MS = 5 * 60_000;
const ADMIN_CODE_MS = 24 * 3_600_000;

/** @throws NeoError of the database and the disk; already in use by another server */
export async function openServer(options: ServerOptions): Promise<NeoServer> {
  const { dataRoot, version, engine, clock = systemClock, random = systemRandom, issuer, onFault } = options;
  const { settings: given = {}, onLevel = () => undefined, dev = false, idle = Number.POSITIVE_INFINITY } = options;
  const { log, news, feeds, told } = telling(options.log ?? silentLog, clock, random, idle);
  const ending = new AbortController();
  await makeDataRoot(dataRoot);
  const database = await openDatabase(join(dataRoot, 'server.db'));
  let storage: TargetStorage | undefined;
  try {
    const { db } = database;
    const { site, pepper } = await knownOf(database);
    const keys = (await options.openKeys?.()) ?? NO_KEYS;
    const ledger = await openLedger(dataRoot, { db, engine, clock, random, site });
    const settings = await Settings.open({ db, clock, given, dev, onLevel });
    const directory = new Directory(db, clock);
    const where = await openTargetStorage({ db, site, dataRoot, clock, random, store: options.store });
    storage = where;
    const targets = new TargetStore({ db, clock, storage: where, told });
    await where.finishRemovals();
    const { promise: shutdownAsked, resolve: shutdown } = Promise.withResolvers<void>();
    const backOff = new BackOff(clock);
    const removals = new Removals(db, targets, settings.removals, clock);
    const turns = new Turns(db);
    const replication = await Replication.open({
      ...{ db, targets, turns, site, log, ledger, engine, clock, random, onFault },
    });
    const facts = {
      ...{ db, directory, targets, removals, backOff, clock, random, pepper, issuer, shutdown, log, dev, settings },
      ...{ keys, ledger, turns, replication, deeds: new Deeds(ledger, turns) },
      ...{ dataRoot, version, site, engine, news, feeds, idle, ending: ending.signal },
    };
    const metrics = new Metrics(clock);
    const reporter = new Reporter({
      ...{ metrics, directory, targets, clock, version, settings, replication, ledger },
      token: options.metrics?.token === undefined ? undefined : hashToken(options.metrics.token),
    });
    const health = new Health({ db, dataRoot, storage: where, clock, log });
    tellStrays(await targets.strays(), log);
    const unclean = await uncleanTargets(db);
    const catchingUp = catchUp(ledger, targets, unclean, clock.now()).catch(onFault);
    await replication.start();
    const timer = saveOften(targets, directory, onFault);
    return {
      site,
      database,
      ...{ metrics, log, feeds, news, keys },
      handler: makeHandler({ ...facts, metrics, reporter, health }),
      adminCode: await firstAdministratorCode(database, clock, random),
      shutdownAsked,
      endWaiting: () => ending.abort(),
      async close() {
        clearInterval(timer);
        ending.abort();
        await replication.close();
        await catchingUp;
        try {
          await targets.close();
          await directory.saveSeen();
        } finally {
          await where.close();
          await database.close();
        }
      },
    };
  } catch (error) {
    await storage?.close();
    await database.close();
    throw error;
  }
}

async function openLedger(dataRoot: string, facts: Omit<LedgerOptions, 'seed'>): Promise<Ledger> {
  const entries = await facts.db.selectFrom('ledger').select('seq').limit(1).execute();
  return Ledger.open({ ...facts, seed: await ledgerSeed(dataRoot, entries.length === 0) });
}

function saveOften(targets: TargetStore, directory: Directory, onFault: (error: unknown) => void): NodeJS.Timeout {
  const save = async (): Promise<void> => {
    await targets.saveMeters();
    await directory.saveSeen();
  };
  return setInterval(() => void save().catch(onFault), SAVE_MS).unref();
}

/** What becomes known to whom. */
function telling(given: Log, clock: Clock, random: Random, idle: number) {
  const news = new News(clock, idle);
  const feeds = new ChangeFeeds(random);
  const told: Told = {
    changed(target, change, origin) {
      feeds.tell(target, change);
      if (origin !== undefined) news.object(change, origin);
    },
    lost: (target) => feeds.drop(target),
  };
  return { log: news.alsoTo(given), news, feeds, told };
}

function tellStrays({ unknown, missing }: Strays, log: Log): void {
  for (const folder of unknown) log('unknown-folder', { folder });
  for (const { folder, owner, target, objects } of missing) {
    log('missing-folder', { account: owner, target, folder, objects });
  }
}

async function knownOf({ db }: Database): Promise<{ site: string; pepper: Uint8Array }> {
  const rows = await db.selectFrom('settings').selectAll().execute();
  const known = new Map(rows.map(({ name, value }) => [name, value]));
  const wordOf = (name: string): string => {
    const value = known.get(name);
    if (value === undefined) throw new NeoError('integrity', `the server's database has no ${name}`);
    return value;
  };
  return { site: wordOf('site'), pepper: fromHex(wordOf('pepper')) };
}

async function firstAdministratorCode({ db }: Database, clock: Clock, random: Random): Promise<string | undefined> {
  return db.transaction().execute(async (trx) => {
    await trx.deleteFrom('codes').where('account', 'is', null).execute();
    const known = await trx.selectFrom('accounts').where('is_admin', '=', 1).select('id').limit(1).execute();
    if (known.length > 0) return undefined;
    const { code } = await insertCode({ clock, random }, trx, null, 'admin', clock.now() + ADMIN_CODE_MS);
    return code;
  });
}

/**
 * The only file that speaks to `node:sqlite`. kysely's own dialect for SQLite runs on it: what that expects is the part of better-sqlite3's
 * interface that is made here.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import {
  type Dialect,
  type DialectAdapter,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteStatement,
} from 'kysely';

/** Nobody but operators with tools of their own is waited for, and the whole server stands still meanwhile. */
const BUSY_TIMEOUT = 2_000;
/** Statements of the server are few; only lists of many lengths could make more of them. */
const KEPT_STATEMENTS = 200;

/** One database that is open. Errors are those of `node:sqlite`. */
export class Sqlite implements SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #onClose: () => void;
  readonly #statements = new Map<string, Statement>();

  /**
   * @param path absolute; the file is there
   * @param onClose called when the database is closed; not when this constructor throws
   */
  constructor(path: string, onClose: () => void = () => undefined) {
    this.#database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT, enableForeignKeyConstraints: true });
    this.#onClose = onClose;
  }

  prepare(sql: string): SqliteStatement {
    // After a full disk SQLite has rolled back by itself, and a second time would hide the error that counts.
    if (sql === 'rollback' && !this.#database.isTransaction) return NOTHING;
    const kept = this.#statements.get(sql);
    if (kept !== undefined) return kept;
    const statement = new Statement(() => this.#database.prepare(sql));
    if (this.#statements.size >= KEPT_STATEMENTS) this.#statements.clear();
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Of no effect when it is closed already. */
  close(): void {
    if (!this.#database.isOpen) return;
    this.#statements.clear();
    try {
      this.#database.close();
    } finally {
      this.#onClose();
    }
  }
}

class Statement implements SqliteStatement {
  readonly reader: boolean;
  readonly #prepare: () => StatementSync;
  readonly #statement: StatementSync;

  constructor(prepare: () => StatementSync) {
    this.#prepare = prepare;
    this.#statement = prepare();
    this.reader = this.#statement.columns().length > 0;
  }

  all(parameters: readonly unknown[]): unknown[] {
    return this.#statement.all(...parameters.map(bound));
  }

  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint } {
    return this.#statement.run(...parameters.map(bound));
  }

  /** By a statement of its own: the one that is kept may be run again before the last row was taken. */
  iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    return this.#prepare().iterate(...parameters.map(bound));
  }
}

const NOTHING: SqliteStatement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};

/**
 * Whole numbers go as whole numbers: Node would send each as a floating-point one, with which sums near 2^53 are rounded. (What is read and
 * beyond 2^53 is refused by Node; CHECKs of the tables keep it from being written.) Not a number would become NULL, which means "no limit".
 */
function bound(value: unknown): SQLInputValue {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError(`${value} cannot be stored`);
    return Number.isSafeInteger(value) ? BigInt(value) : value;
  }
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`a value of type ${typeof value} cannot be stored`);
}

class TransactionalAdapter extends SqliteAdapter {
  /** SQLite rolls back tables as it does rows, and a migration is to happen as a whole or not at all. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class TransactionalDialect extends SqliteDialect {
  override createAdapter(): DialectAdapter {
    return new TransactionalAdapter();
  }
}

export function sqliteDialect(database: Sqlite): Dialect {
  return new TransactionalDialect({ database });
}

/**
 * A lock that no other connection gets, of this process or another, until it is let go or the process ends, however it ends. The file
 * stays: who removed it would let a second one in.
 * @param path a file that is there. It must not be opened and closed by other means in this process: by POSIX' rules the lock would be gone
 * @returns lets go; of no effect the second time
 * @throws the error of `node:sqlite`, SQLITE_BUSY when somebody has it
 */
export function holdLock(path: string): () => void {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    // No journal beside it: nothing is ever written.
    lock.exec('pragma journal_mode = memory');
    lock.exec('begin exclusive');
  } catch (error) {
    lock.close();
    throw error;
  }
  return () => {
    if (lock.isOpen) lock.close();
  };
}

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { asStoreError, StoreError } from "./errors.ts";
import { migrations } from "./migrations.ts";

/** How long a writer waits for another process to finish its transaction, in milliseconds. */
const busyTimeout = 30_000;

/** A row as SQLite gives it; the functions beside this file turn rows into records. */
export type Row = Record<string, string | number | null>;

/**
 * The lab's database: runs, trials, metrics, claims and figures in one SQLite file that several processes write at once.
 *
 * @example
 * const store = Store.open(sluiceHome());
 * store.all("SELECT id, verdict FROM runs WHERE paper = ?", "softpick");
 */
export class Store {
  /** The folder that holds the database, and beside it checkpoints, logs and data. */
  readonly home: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(home: string, database: DatabaseSync) {
    this.home = home;
    this.#database = database;
  }

  /**
   * Opens the store in `home`, creates it if it is not there, and takes an older schema to the current one (a copy of the
   * older file stays beside it).
   *
   * @throws StoreError `unwritable`, `disk-full`, `damaged`, `newer-schema`
   */
  static open(home: string, steps: readonly string[] = migrations): Store {
    const file = join(home, "sluice.db");
    try {
      mkdirSync(home, { recursive: true });
      const database = new DatabaseSync(file, { timeout: busyTimeout, enableForeignKeyConstraints: true });
      // NORMAL: a commit survives the death of the process, which is what trials rely on, without a sync each.
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
      const store = new Store(home, database);
      store.#migrate(file, steps);
      return store;
    } catch (error) {
      throw asStoreError(error, file);
    }
  }

  #version(): number {
    return Number(this.get("PRAGMA user_version")!.user_version);
  }

  #migrate(file: string, steps: readonly string[]): void {
    const version = this.#version();
    if (version > steps.length) {
      throw new StoreError(
        "newer-schema",
        file,
        `${file} has schema ${version}, this version of sluice knows ${steps.length}; update sluice, or give another folder with SLUICE_HOME=<folder>`,
      );
    }
    if (version === steps.length) return;
    const copy = `${file}.schema-${version}`;
    if (version > 0 && !existsSync(copy)) this.run("VACUUM INTO ?", copy);
    this.transaction(() => {
      // Another process may have done it while this one waited for the lock.
      for (const step of steps.slice(this.#version())) this.#database.exec(step);
      this.#database.exec(`PRAGMA user_version = ${steps.length}`);
    });
  }

  /** Runs `work` as one transaction that holds the write lock from its start: all of it is stored, or nothing. */
  transaction<T>(work: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      // A full disk makes SQLite roll back by itself.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw asStoreError(error, this.home);
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }

  /** All rows of a query. */
  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  /** The first row of a query, if any. */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  /** Carries out a statement and gives the number of rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    try {
      return Number(this.#statement(sql).run(...values).changes);
    } catch (error) {
      throw asStoreError(error, this.home);
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

/**
 * Makes sure, before any work starts, that `home` can be written and has room.
 *
 * @param bytes  free space wanted. Default 256 MiB: the checkpoints and metrics of the largest paper
 * @throws StoreError `unwritable`, `disk-full`
 */
export function checkHome(home: string, bytes: number = 256 * 2 ** 20): void {
  const probe = join(home, `.probe-${process.pid}`);
  try {
    mkdirSync(home, { recursive: true });
    const file = openSync(probe, "w");
    try {
      writeSync(file, new Uint8Array(4096));
      fsyncSync(file);
    } finally {
      closeSync(file);
      rmSync(probe, { force: true });
    }
    const free = freeBytes(home);
    if (free < bytes) {
      const mebibytes = (count: number) => `${Math.floor(count / 2 ** 20)} MiB`;
      throw new StoreError(
        "disk-full",
        home,
        `${home} has ${mebibytes(free)} left and a run may need ${mebibytes(bytes)}; free some, or give another folder with SLUICE_HOME=<folder>`,
      );
    }
  } catch (error) {
    throw asStoreError(error, home);
  }
}

/** Bytes that an ordinary user can still write to the file system of `folder`. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

import { createRequire } from 'node:module';
import type { WatchKind } from './watch-hub.ts';

/*
 * What we use of node-zookeeper-client 1.1.3, inner parts included: they are not in its published types. It is CommonJS, pinned
 * exactly, and no other file loads it.
 */

export interface LibraryRecord {
  readonly path?: string;
  watch?: boolean;
  setChrootPath(path: string | undefined): void;
  byteLength(): number;
  serialize(buffer: Buffer, offset: number): number;
  deserialize(buffer: Buffer, offset: number): number;
}

export interface LibraryRequest {
  readonly header: { readonly type: number };
  readonly payload: LibraryRecord;
}

/** Longs are eight bytes, big-endian. */
export interface LibraryStat {
  readonly czxid: Buffer;
  readonly mzxid: Buffer;
  readonly ctime: Buffer;
  readonly mtime: Buffer;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  readonly ephemeralOwner: Buffer;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: Buffer;
}

export interface LibraryAcl {
  readonly permission: number;
  readonly id: { readonly scheme: string; readonly id: string };
}

/** Watchers pass through the library as they are; ours only hear which watch was set. */
export type Register = (kind: WatchKind) => void;

/** What the library's Client asks of its connection manager. */
export interface LibraryManager {
  connect(): void;
  close(): void;
  queue(request: LibraryRequest, callback: (error: Error | null, response?: object) => void): void;
  addAuthInfo(scheme: string, auth: Buffer): void;
  getSessionId(): Buffer;
  getSessionPassword(): Buffer;
  getSessionTimeout(): number;
  registerDataWatcher(path: string, register: Register): void;
  registerChildWatcher(path: string, register: Register): void;
  registerExistenceWatcher(path: string, register: Register): void;
}

type Answer<Values extends readonly unknown[]> = (error: Error | null, ...values: Values) => void;

export interface LibraryClient {
  connectionManager: LibraryManager;
  exists(path: string, watcher: Register | undefined, answer: Answer<[LibraryStat | null]>): void;
  getData(
    path: string,
    watcher: Register | undefined,
    answer: Answer<[Buffer | undefined, LibraryStat]>,
  ): void;
  setData(path: string, data: Buffer, version: number, answer: Answer<[LibraryStat]>): void;
  remove(path: string, version: number, answer: Answer<[]>): void;
  getACL(path: string, answer: Answer<[readonly LibraryAcl[] | undefined, LibraryStat]>): void;
  setACL(
    path: string,
    acl: readonly LibraryAcl[],
    version: number,
    answer: Answer<[LibraryStat]>,
  ): void;
}

interface Library {
  createClient(connectString: string, options: { readonly retries: number }): LibraryClient;
  readonly ACL: new (permission: number, id: object) => LibraryAcl;
  readonly Id: new (scheme: string, id: string) => object;
  readonly Exception: { create(code: number, path?: string): Error } & Readonly<
    Record<string, unknown>
  >;
}

interface LibraryJute {
  readonly protocol: Readonly<Record<string, (new () => LibraryRecord) | undefined>>;
  readonly Response: new (
    header: { readonly err: number },
    payload: LibraryRecord | null,
  ) => object;
}

const load = createRequire(import.meta.url);

export const library = load('node-zookeeper-client') as Library;
export const libraryJute = load('node-zookeeper-client/lib/jute') as LibraryJute;

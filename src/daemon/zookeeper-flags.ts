import { createSecureContext } from 'node:tls';
import { errorText, RollcallError } from '../kernel/errors.ts';
import { DEFAULT_ROOT } from '../registry/index.ts';
import { type DigestAuth, parseConnectString, type TlsOptions } from '../zookeeper/index.ts';
import { readNamedFile } from './config-file.ts';
import { boundedDurationFlag, fileFlag, flagOf } from './flags.ts';

const ROOT_HINT =
  'a root looks like /rollcall: it begins with /, does not end with one, and no part of it is empty, "." or ".."';

function readRoot(text: string): string | undefined {
  const parts = text.split('/').slice(1);
  const legal = parts.every(
    part => /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(part) && !/^\.\.?$/.test(part),
  );
  return text.startsWith('/') && legal ? text : undefined;
}

export const rootFlag = () =>
  flagOf(readRoot, ROOT_HINT, {
    help: 'the znode below which everything lies',
    value: '/PATH',
    fallback: DEFAULT_ROOT,
  });

/** ZooKeeper's protocol has 31 bits of milliseconds for it. */
const LONGEST_SESSION_MS = 24 * 3_600_000;

export const sessionTimeoutFlag = () =>
  boundedDurationFlag(1, LONGEST_SESSION_MS, {
    help: 'asked of ZooKeeper, which may bound it: a crash is seen after that long',
    fallback: '10s',
  });

/** Flags of everything that speaks with ZooKeeper. */
export const zookeeperSecurityFlags = () => ({
  'zookeeper-auth': fileFlag({ help: 'lines of "digest user:password", for ACLs' }),
  'zookeeper-tls-ca': fileFlag({ help: 'whom to trust (PEM); any of these three means TLS' }),
  'zookeeper-tls-cert': fileFlag({ help: 'our certificate (PEM)' }),
  'zookeeper-tls-key': fileFlag({ help: 'its key (PEM)' }),
});

interface SessionSettings {
  readonly 'session-timeout': number;
  readonly 'zookeeper-auth'?: string | undefined;
  readonly 'zookeeper-tls-ca'?: string | undefined;
  readonly 'zookeeper-tls-cert'?: string | undefined;
  readonly 'zookeeper-tls-key'?: string | undefined;
}

/** How to speak with ZooKeeper, wherever it is. Its secrets are never logged. */
export interface SessionPlan {
  readonly timeoutMs: number;
  readonly auth?: readonly DigestAuth[];
  readonly tls?: TlsOptions;
}

/** How to reach ZooKeeper; what `openSession` takes. */
export interface ZooKeeperTarget extends SessionPlan {
  readonly servers: string;
}

/** @throws RollcallError INVALID_CONFIG naming the flag at fault. */
export function zookeeperTarget(
  settings: SessionSettings & { readonly zookeeper: string },
): ZooKeeperTarget {
  return { servers: checkedServers(settings.zookeeper), ...sessionPlan(settings) };
}

/** @throws RollcallError INVALID_CONFIG naming the flag at fault. */
export function sessionPlan(settings: SessionSettings): SessionPlan {
  const authFile = settings['zookeeper-auth'];
  const tls = tlsOf(settings);
  return {
    timeoutMs: settings['session-timeout'],
    ...(authFile === undefined ? {} : { auth: readAuth(authFile) }),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** @throws RollcallError INVALID_CONFIG when it is no connect string. */
export function checkedServers(servers: string): string {
  try {
    parseConnectString(servers);
    return servers;
  } catch (cause) {
    throw new RollcallError('INVALID_CONFIG', `--zookeeper: ${errorText(cause)}`, { cause });
  }
}

function readAuth(path: string): readonly DigestAuth[] {
  const lines = readNamedFile('zookeeper-auth', path)
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'));
  const auth = lines.map(line => {
    const credentials = /^(?:digest[\s:]\s*)?([^\s:]+:\S+)$/.exec(line)?.[1];
    if (credentials !== undefined) return { scheme: 'digest' as const, credentials };
    throw new RollcallError(
      'INVALID_CONFIG',
      `--zookeeper-auth ${path}: a line is not "digest user:password"`,
    );
  });
  if (auth.length > 0) return auth;
  throw new RollcallError(
    'INVALID_CONFIG',
    `--zookeeper-auth ${path}: it has no line "digest user:password"`,
  );
}

function tlsOf(settings: SessionSettings): TlsOptions | undefined {
  const ca = settings['zookeeper-tls-ca'];
  const cert = settings['zookeeper-tls-cert'];
  const key = settings['zookeeper-tls-key'];
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  return {
    ...(ca === undefined ? {} : { ca: readNamedFile('zookeeper-tls-ca', ca) }),
    ...certificate('zookeeper-tls', cert, key),
  };
}

/**
 * A certificate and its key, by `--<prefix>-cert` and `--<prefix>-key`: both or none.
 *
 * @throws RollcallError INVALID_CONFIG when one of them is missing or cannot be read.
 */
export function certificate(
  prefix: string,
  cert: string | undefined,
  key: string | undefined,
): { readonly cert: string; readonly key: string } | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    throw new RollcallError(
      'INVALID_CONFIG',
      `--${prefix}-${given} needs --${prefix}-${missing} too`,
    );
  }
  const pair = {
    cert: readNamedFile(`${prefix}-cert`, cert),
    key: readNamedFile(`${prefix}-key`, key),
  };
  try {
    createSecureContext(pair);
  } catch (cause) {
    throw new RollcallError(
      'INVALID_CONFIG',
      `--${prefix}-cert ${cert} and --${prefix}-key ${key}: not a certificate and its key in PEM (${errorText(cause)})`,
      { cause },
    );
  }
  return pair;
}

import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A ZooKeeper server that can be started on this machine. */
export interface ZooKeeperInstallation {
  /** The `java` program. */
  readonly java: string;
  readonly classPath: string;
  /** As the jar's name tells it, `3.8.0`. */
  readonly version: string;
  /** The folder with the jars. */
  readonly folder: string;
}

export type ZooKeeperSearch =
  | { readonly kind: 'found'; readonly installation: ZooKeeperInstallation }
  /** `advice` is one line for people: what is missing and what to do. */
  | {
      readonly kind: 'missing';
      readonly missing: readonly ('java' | 'zookeeper')[];
      readonly advice: string;
    };

const DEBIAN_FOLDER = '/usr/share/java';
const SERVER_JAR = /^zookeeper-(\d+\.\d+\.\d+[^/]*)\.jar$/;

/**
 * Looks for a ZooKeeper server and a Java runtime; installs and starts nothing.
 *
 * `ZOOKEEPER_HOME` (a downloaded release; its `lib/*.jar`, or `*.jar` beside each other) goes before Debian's and Ubuntu's
 * package in /usr/share/java, and is never silently passed over when it is set. `JAVA_HOME` goes before `PATH`.
 */
export function findZooKeeper(env: NodeJS.ProcessEnv = process.env): ZooKeeperSearch {
  const home = env['ZOOKEEPER_HOME'] ?? '';
  const jars = home === '' ? debianJars() : releaseJars(home);
  const java = findJava(env);
  if (jars !== undefined && java !== undefined)
    return { kind: 'found', installation: { java, ...jars } };
  const missing = [
    ...(jars === undefined ? ['zookeeper' as const] : []),
    ...(java === undefined ? ['java' as const] : []),
  ];
  return {
    kind: 'missing',
    missing,
    advice: adviceFor(home, jars !== undefined, java !== undefined),
  };
}

type Jars = Pick<ZooKeeperInstallation, 'classPath' | 'version' | 'folder'>;

function releaseJars(home: string): Jars | undefined {
  for (const folder of [join(home, 'lib'), home]) {
    const version = serverVersion(folder);
    if (version !== undefined) return { classPath: join(folder, '*'), version, folder };
  }
  return undefined;
}

/** Debian's zookeeper.jar names what it needs in its manifest, except what TLS needs and a logger. */
function debianJars(): Jars | undefined {
  const version = serverVersion(DEBIAN_FOLDER);
  if (version === undefined) return undefined;
  const more = namesIn(DEBIAN_FOLDER).filter(
    name =>
      name === 'slf4j-simple.jar' ||
      /^netty-(codec|resolver|transport-native-unix-common)\.jar$/.test(name),
  );
  const classPath = ['zookeeper.jar', ...more]
    .map(name => join(DEBIAN_FOLDER, name))
    .join(delimiter);
  return { classPath, version, folder: DEBIAN_FOLDER };
}

function serverVersion(folder: string): string | undefined {
  for (const name of namesIn(folder)) {
    const version = SERVER_JAR.exec(name)?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function findJava(env: NodeJS.ProcessEnv): string | undefined {
  const javaHome = env['JAVA_HOME'] ?? '';
  const folders = [
    ...(javaHome === '' ? [] : [join(javaHome, 'bin')]),
    ...(env['PATH'] ?? '').split(delimiter),
  ];
  return folders
    .filter(folder => folder !== '')
    .map(folder => join(folder, 'java'))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function adviceFor(home: string, hasJars: boolean, hasJava: boolean): string {
  if (!hasJars && home !== '') {
    return `ZOOKEEPER_HOME=${home} holds no zookeeper-<version>.jar, neither in lib/ nor beside it: point it at an unpacked ZooKeeper release, or unset it`;
  }
  const what = [...(hasJars ? [] : ['ZooKeeper']), ...(hasJava ? [] : ['a Java runtime'])].join(
    ' and ',
  );
  const package_ = [
    ...(hasJars ? [] : ['zookeeper']),
    ...(hasJava ? [] : ['default-jre-headless']),
  ].join(' ');
  return `${what} not found: on Debian or Ubuntu run "sudo apt-get install -y --no-install-recommends ${package_}"; elsewhere unpack a release from https://zookeeper.apache.org/releases.html, set ZOOKEEPER_HOME to its folder, and have a Java runtime (8 or newer) on PATH`;
}

import type { Clock } from '../../kernel/clock.ts';
import { errorText } from '../../kernel/errors.ts';
import { addressText, type ServerAddress, type TlsOptions } from '../../zookeeper/index.ts';
import { fail, type Finding, ok, warn } from './finding.ts';
import { fourLetters, isAtLeast, readServerFacts, type ServerFacts } from './four-letters.ts';

const LEAST_VERSION = '3.6.0';

interface Visit {
  readonly finding: Finding;
  readonly facts: ServerFacts | undefined;
}

/** Asks every server of the connect string by itself, and looks at what they make together. */
export async function examineServers(
  servers: readonly ServerAddress[],
  tls: TlsOptions | undefined,
  clock: Clock,
): Promise<readonly Finding[]> {
  const visits = await Promise.all(servers.map(server => visit(server, tls, clock)));
  return [...visits.map(({ finding }) => finding), ...judgeEnsemble(visits)];
}

async function visit(
  server: ServerAddress,
  tls: TlsOptions | undefined,
  clock: Clock,
): Promise<Visit> {
  const name = addressText(server);
  const beganMs = clock.nowMs();
  try {
    const facts = readServerFacts(await fourLetters(server, 'srvr', tls, clock));
    const tookMs = clock.nowMs() - beganMs;
    return { finding: judgeServer(name, facts, tookMs), facts };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : errorText(error);
    const remedy =
      tls === undefined ? 'is it started, and is the port right?' : 'does it speak TLS there?';
    const finding = fail('server', `${name} does not answer (${code})`, remedy);
    return { finding, facts: undefined };
  }
}

function judgeServer(name: string, facts: ServerFacts, tookMs: number): Finding {
  if (!facts.serving) {
    return fail(
      'server',
      `${name} runs but serves nobody`,
      'it has no quorum: start the other servers',
    );
  }
  const took = `${name} answers in ${tookMs.toFixed(1)} ms`;
  if (facts.silent || facts.version === undefined) {
    return warn(
      'server',
      `${took}, but says nothing of itself`,
      'to see versions here, allow srvr in its 4lw.commands.whitelist',
    );
  }
  const what = `${took}: ZooKeeper ${facts.version}, ${facts.mode ?? 'of unknown mode'}`;
  if (isAtLeast(facts.version, LEAST_VERSION)) return ok('server', what);
  return warn(
    'server',
    what,
    'before 3.6 there are no persistent watches and no multiRead: it works, but every start and reconnect is slow',
  );
}

function judgeEnsemble(visits: readonly Visit[]): readonly Finding[] {
  if (visits.length < 2) return [];
  const modes = visits.flatMap(({ facts }) => facts?.mode ?? []);
  const standalone = modes.filter(mode => mode === 'standalone').length;
  if (standalone > 0) {
    return [
      fail(
        'ensemble',
        `${standalone} of these ${visits.length} servers stand alone: they are separate registries`,
        'make them one ensemble (server.N lines in zoo.cfg), or name only one of them',
      ),
    ];
  }
  if (modes.length < visits.length) return [];
  const leaders = modes.filter(mode => mode === 'leader').length;
  if (leaders === 1) return [ok('ensemble', `${visits.length} servers with one leader`)];
  const remedy = 'name every voting server of one ensemble in --zookeeper';
  return [warn('ensemble', `${leaders} leaders among ${visits.length} servers`, remedy)];
}

import type { Connection } from './host.ts';
import type { Settings } from './options.ts';

/** What the four-letter words tell of. */
export interface ServerFacts {
  readonly zxid: number;
  readonly nodes: number;
  readonly dataBytes: number;
  readonly ephemerals: number;
  readonly watches: number;
  readonly watchedPaths: number;
  readonly sessions: readonly bigint[];
  readonly ownedBy: (sessionId: bigint) => Iterable<string>;
  readonly received: number;
  readonly sent: number;
  readonly upMs: number;
  readonly port: number;
  readonly settings: Settings;
  readonly serving: boolean;
  readonly connections: readonly Connection[];
}

/** The protocol that is spoken, and who speaks it. */
const VERSION = '3.8.0-rollcall-embedded, built on Node.js';
const NOT_SERVING = 'This ZooKeeper instance is not currently serving requests\n';

const WORDS: ReadonlyMap<string, (facts: ServerFacts) => string> = new Map([
  ['ruok', () => 'imok'],
  ['isro', () => 'rw'],
  ['srvr', facts => `Zookeeper version: ${VERSION}\n${serverLines(facts)}`],
  [
    'stat',
    facts =>
      `Zookeeper version: ${VERSION}\nClients:\n${clientLines(facts, 'brief')}\n${serverLines(facts)}`,
  ],
  ['cons', facts => `${clientLines(facts, 'full')}\n`],
  ['conf', configLines],
  ['envi', () => `Environment:\nzookeeper.version=${VERSION}\n`],
  ['mntr', monitorLines],
  ['wchs', watchLine],
  ['dump', dumpLines],
]);

/** The answer to a four-letter word; undefined when these bytes are none, and so perhaps the length of a frame. */
export function answerWord(word: string, facts: () => ServerFacts): string | undefined {
  const answer = WORDS.get(word);
  if (answer === undefined) return undefined;
  const now = facts();
  return now.serving || word === 'ruok' ? answer(now) : NOT_SERVING;
}

function serverLines(facts: ServerFacts): string {
  return lines([
    'Latency min/avg/max: 0/0.0/0',
    `Received: ${facts.received}`,
    `Sent: ${facts.sent}`,
    `Connections: ${facts.connections.length}`,
    'Outstanding: 0',
    `Zxid: 0x${facts.zxid.toString(16)}`,
    'Mode: standalone',
    `Node count: ${facts.nodes + 1}`,
  ]);
}

function clientLines({ connections }: ServerFacts, detail: 'brief' | 'full'): string {
  return connections
    .map(each => {
      const session = each.session;
      const sid =
        session === undefined || detail === 'brief'
          ? ''
          : `,sid=0x${session.id.toString(16)},to=${session.timeoutMs}`;
      return ` /${each.remote}[1](queued=0,recved=${each.received},sent=${each.sent}${sid})\n`;
    })
    .join('');
}

function configLines({ port, settings }: ServerFacts): string {
  return lines([
    `clientPort=${port}`,
    `dataDir=${settings.dataDir ?? ''}`,
    `tickTime=${settings.tickTimeMs}`,
    `minSessionTimeout=${settings.minSessionTimeoutMs}`,
    `maxSessionTimeout=${settings.maxSessionTimeoutMs}`,
    `jute.maxbuffer=${settings.maxBufferBytes}`,
    'serverId=0',
  ]);
}

function monitorLines(facts: ServerFacts): string {
  const values: Readonly<Record<string, string | number>> = {
    version: VERSION,
    server_state: 'standalone',
    packets_received: facts.received,
    packets_sent: facts.sent,
    num_alive_connections: facts.connections.length,
    outstanding_requests: 0,
    znode_count: facts.nodes + 1,
    watch_count: facts.watches,
    ephemerals_count: facts.ephemerals,
    approximate_data_size: facts.dataBytes,
    global_sessions: facts.sessions.length,
    uptime: Math.round(facts.upMs),
    last_zxid: facts.zxid,
    rss_bytes: process.memoryUsage.rss(),
  };
  return lines(Object.entries(values).map(([name, value]) => `zk_${name}\t${value}`));
}

function watchLine(facts: ServerFacts): string {
  const watching = facts.connections.length;
  return `${watching} connections watching ${facts.watchedPaths} paths\nTotal watches:${facts.watches}\n`;
}

function dumpLines({ sessions, ownedBy }: ServerFacts): string {
  const owners = sessions.map(id => [`0x${id.toString(16)}:`, ...ownedBy(id)].join('\n\t'));
  return lines([`Sessions with Ephemerals (${owners.length}):`, ...owners]);
}

const lines = (texts: readonly string[]): string => texts.map(text => `${text}\n`).join('');

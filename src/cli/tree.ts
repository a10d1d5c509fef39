import { z } from 'zod';
import { configFlag, fileFlag, integerFlag, switchFlag, zookeeperTarget } from '../daemon/index.ts';
import { errorText, hasCode, RollcallError } from '../kernel/errors.ts';
import { parseConnectString, type Session } from '../zookeeper/index.ts';
import { usage } from './arguments.ts';
import { type Call, command } from './command.ts';
import { openConnected } from './connect.ts';
import { EXIT, SIGNAL_EXIT, type StopSignal, type Terminal } from './terminal.ts';
import { checkExport, nodesOf } from './tree/check-export.ts';
import { exportTree, type ExportReport, noNode } from './tree/export-tree.ts';
import { importTree, type ImportReport } from './tree/import-tree.ts';
import { lookAtNode, nodeJson, nodeText } from './tree/show-node.ts';
import { makeFile, openStored, type StoredExport, storeInput } from './tree/stored-export.ts';
import { sessionFlags } from './session-flags.ts';

const schema = z.object({
  ...sessionFlags(),
  config: configFlag(),
  file: fileFlag({ help: 'export into it, or import from it, instead of the standard streams' }),
  overwrite: switchFlag({ help: 'import: replace nodes that are there with other data or rights' }),
  limit: integerFlag(0, 1_000_000, {
    help: 'show at most so many children',
    value: 'N',
    fallback: '100',
  }),
  json: switchFlag({ help: 'print JSON, for programs' }),
});
type TreeSettings = Readonly<z.output<typeof schema>>;

export const tree = command({
  name: 'tree',
  summary: 'show a znode; export and import what is persistent',
  usage: 'PATH | export [PATH] | import [FLAGS]',
  about: [
    'Shows a znode with its facts, its data and its children; straight from ZooKeeper. "export" writes the persistent nodes from PATH on',
    '(everything, if there is none) as JSON lines to standard output, and counts the ephemeral ones, which are left out. "import" reads',
    'them from standard input, checks them to the end, and writes them to where they were; nothing is overwritten without --overwrite,',
    'and what is there and the same is left alone, so that an import that was broken off can be made again.',
  ].join('\n'),
  examples: [
    'rollcall tree /rollcall/services --zookeeper zk1:2181',
    'rollcall tree export / --zookeeper zk1:2181 > backup.jsonl',
    'rollcall tree import --zookeeper 127.0.0.1:2181 < backup.jsonl',
  ],
  schema,
  words: [1, 2],
  async run(settings, call) {
    const [first = '', second] = call.words;
    if (first === 'export') return runExport(second ?? '/', settings, call.terminal);
    if (second !== undefined) throw usage(`"${second}" is too much; rollcall tree --help`);
    return first === 'import' ? runImport(settings, call) : show(first, settings, call.terminal);
  },
});

/** `/a/b/` is `/a/b`: so a shell completes it. */
function checkedPath(text: string): string {
  if (!text.startsWith('/')) {
    throw usage(`"${text}" is no path: it begins with a slash; or say "export" or "import"`);
  }
  return text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text;
}

async function withSession<T>(
  settings: TreeSettings,
  { clock }: Terminal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  await using session = await openConnected(zookeeperTarget(settings), clock);
  return await work(session); // the session is closed after it
}

async function show(word: string, settings: TreeSettings, terminal: Terminal): Promise<number> {
  const path = checkedPath(word);
  const picture = await withSession(settings, terminal, session =>
    lookAtNode(session, path, settings.limit),
  ).catch((error: unknown) => {
    throw hasCode(error, 'NO_NODE') ? noNode(path) : error;
  });
  terminal.print(settings.json ? nodeJson(picture) : nodeText(picture));
  return EXIT.done;
}

async function runExport(
  word: string,
  settings: TreeSettings,
  terminal: Terminal,
): Promise<number> {
  const root = checkedPath(word);
  const { file } = settings;
  const { chroot } = parseConnectString(zookeeperTarget(settings).servers);
  const builtIn = chroot === '' && root === '/' ? '/zookeeper' : undefined;
  const report = await withSession(settings, terminal, async session => {
    const plan = {
      root,
      at: new Date(terminal.clock.wallMs()).toISOString(),
      isBuiltIn: (path: string) => path === builtIn,
    };
    if (file === undefined) return exportTree(session, { ...plan, write: terminal.write });
    await using making = await makeFile(file);
    const done = await exportTree(session, { ...plan, write: making.write });
    await making.finish();
    return done;
  });
  terminal.complain(exportText(root, report));
  return EXIT.done;
}

function exportText(root: string, { nodes, ephemerals, vanished, moved }: ExportReport): string {
  const more = [
    ...(ephemerals > 0 ? [`${ephemerals} ephemeral ones left out`] : []),
    ...(vanished > 0 ? [`${vanished} vanished meanwhile`] : []),
    ...(moved ? ['written to meanwhile: each node is as it was when it was read'] : []),
  ];
  return `rollcall: ${nodes} nodes exported from ${root}${more.map(text => `; ${text}`).join('')}`;
}

async function runImport(settings: TreeSettings, { terminal }: Call): Promise<number> {
  if (settings.file === undefined && terminal.keyboard)
    throw usage('import reads an export from standard input: give it "< FILE", or --file FILE');
  await using source =
    settings.file === undefined
      ? await storeInput(terminal.input())
      : await openStored(settings.file);
  const { header } = await checkExport(source.chunks()).catch((error: unknown) => {
    throw refused(source, error);
  });
  const stop = new AbortController();
  let stoppedBy: StopSignal | undefined;
  const release = terminal.onSignal(signal => {
    stoppedBy ??= signal;
    stop.abort(new RollcallError('ABORTED', `stopped by ${signal}`));
  });
  try {
    const report = await withSession(settings, terminal, session =>
      importTree(session, {
        header,
        nodes: () => nodesOf(source.chunks()),
        overwrite: settings.overwrite,
        clock: terminal.clock,
        signal: stop.signal,
      }),
    );
    for (const line of importText(header.root, report)) terminal.complain(line);
    return EXIT.done;
  } catch (error) {
    if (stoppedBy === undefined) throw error;
    terminal.complain(`rollcall: ${errorText(error)}`);
    return SIGNAL_EXIT[stoppedBy];
  } finally {
    release();
  }
}

function refused({ name }: StoredExport, error: unknown): RollcallError {
  return new RollcallError(
    'MALFORMED_RECORD',
    `${name}: ${errorText(error)}; nothing was written: export it again`,
    { cause: error },
  );
}

function importText(root: string, report: ImportReport): readonly string[] {
  const { created, replaced, same, renumbered } = report;
  const [first] = renumbered;
  const done = `rollcall: imported below ${root}: ${created} nodes created, ${replaced} replaced, ${same} were there already`;
  if (first === undefined) return [done];
  const which =
    renumbered.length === 1 ? first.path : `${first.path} and ${renumbered.length - 1} more`;
  return [
    done,
    `rollcall: sequential nodes in ${which} are numbered on from ${first.next}, not from ${first.counter}: no client can set that number`,
  ];
}

import { z } from 'zod';
import { didYouMean } from '../daemon/index.ts';
import { errorText, hasCode, isRollcallError } from '../kernel/errors.ts';
import { parseArguments, usage } from './arguments.ts';
import type { Command } from './command.ts';
import { doctor } from './doctor.ts';
import { helpOf, overview } from './help.ts';
import { providers } from './providers.ts';
import { register } from './register.ts';
import { dev, serve } from './serve.ts';
import { services } from './services.ts';
import { EXIT, type Terminal } from './terminal.ts';
import { tree } from './tree.ts';
import { watch } from './watch.ts';

export const COMMANDS: readonly Command[] = [
  serve,
  dev,
  register,
  services,
  providers,
  watch,
  tree,
  doctor,
];

/** Named by the contract, and coming: whoever tries them is told so. */
const NOT_YET: ReadonlySet<string> = new Set([
  'lock',
  'rwlock',
  'elect',
  'replication',
  'logs',
  'config',
  'queue',
]);

/** Runs one command line (without the program's name) and resolves with the exit status. Never throws. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(argv, terminal);
  } catch (error) {
    terminal.complain(`rollcall: ${lineOf(error)}`);
    return exitStatusOf(error);
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined) {
    terminal.complain(overview(COMMANDS, terminal.version));
    return EXIT.usage;
  }
  if (name === 'help' && rest[0] !== undefined) return dispatch([rest[0], '--help'], terminal);
  const command = COMMANDS.find(known => known.name === name);
  if (command === undefined) return withoutCommand(argv, terminal);
  const given = parseArguments(rest, command.schema);
  if (given.help) terminal.print(helpOf(command));
  else if (given.version) terminal.print(terminal.version);
  else return command.run(given, terminal, flagsOf(COMMANDS));
  return EXIT.done;
}

function withoutCommand(argv: readonly string[], terminal: Terminal): number {
  const [name = ''] = argv;
  if (name === 'help') {
    terminal.print(overview(COMMANDS, terminal.version));
    return EXIT.done;
  }
  if (name.startsWith('-')) {
    const { help, version } = parseArguments(argv, z.object({}));
    if (help || version) {
      terminal.print(version ? terminal.version : overview(COMMANDS, terminal.version));
      return EXIT.done;
    }
    throw usage('name a command first; rollcall --help lists them');
  }
  if (NOT_YET.has(name))
    throw usage(`"${name}" is not part of this release; rollcall --help lists what is`);
  const hint = didYouMean(
    name,
    COMMANDS.map(known => known.name),
  );
  throw usage(`there is no command "${name}"${hint}; rollcall --help lists them`);
}

function flagsOf(commands: readonly Command[]): readonly string[] {
  return [...new Set(commands.flatMap(({ schema }) => Object.keys(schema.shape)))];
}

function lineOf(error: unknown): string {
  const text =
    isRollcallError(error) && error.code !== 'INTERNAL' ? error.message : errorText(error);
  return text.replaceAll(/\s*\n\s*/g, ' ');
}

/** 2: it was asked wrongly; 3: nobody was there to ask; 1: everything else. */
export function exitStatusOf(error: unknown): number {
  if (hasCode(error, 'INVALID_CONFIG', 'INVALID_CONNECT_STRING', 'INVALID_RECORD'))
    return EXIT.usage;
  if (hasCode(error, 'CONNECTION_LOSS', 'SESSION_LOST', 'ZOOKEEPER_UNAVAILABLE'))
    return EXIT.unreachable;
  return EXIT.failed;
}

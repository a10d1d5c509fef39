import { aboutFlag, envName, type SettingsSchema } from '../daemon/index.ts';
import type { Command } from './command.ts';
import { columns } from './table.ts';

export function overview(commands: readonly Command[], version: string): string {
  return [
    `rollcall ${version}: a service registry on ZooKeeper that always knows who is alive`,
    '',
    'usage: rollcall COMMAND [FLAGS]',
    '',
    ...indent(columns(commands.map(({ name, summary }) => [name, summary]))),
    '',
    '  rollcall COMMAND --help tells more; rollcall --version prints the version.',
    '',
    'Every flag is also an environment variable (--http: ROLLCALL_HTTP) and a key of the file that --config names.',
    'Exit status: 0 done, 1 failed, 2 bad usage, 3 ZooKeeper or the daemon could not be reached, 130/143 on signals.',
  ].join('\n');
}

export function helpOf(command: Command): string {
  return [
    `usage: rollcall ${command.name} ${command.usage}`.trimEnd(),
    '',
    command.about,
    ...section('flags', flagLines(command.schema)),
    ...section('examples', command.examples),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...indent(lines)];
}

function flagLines(schema: SettingsSchema): readonly string[] {
  const rows = Object.entries(schema.shape)
    .map(([name, flag]) => ({ name, ...aboutFlag(flag) }))
    .map(({ name, value, help, fallback, repeatable }) => {
      const takes = value === undefined ? '' : ` ${value}`;
      const more = repeatable === true ? ' (again for more)' : '';
      const unless = fallback === undefined ? '' : ` [${fallback}]`;
      return [`--${name}${takes}`, `${help}${more}${unless}`];
    });
  const example = Object.keys(schema.shape).find(name => name.includes('-')) ?? 'config';
  return [...columns(rows), `each also as a variable: --${example} is ${envName(example)}`];
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map(line => `  ${line}`);
}

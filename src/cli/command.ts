import type { z } from 'zod';
import { gatherSources, readSettings, type SettingsSchema } from '../daemon/index.ts';
import { type Arguments, usage } from './arguments.ts';
import type { Terminal } from './terminal.ts';

/** What a command is given besides its flags. */
export interface Call {
  readonly words: readonly string[];
  readonly command: readonly string[];
  readonly terminal: Terminal;
}

export interface CommandPlan<S extends SettingsSchema> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What stands behind the name: `SERVICE --port N [FLAGS] -- CMD ARGS…`. */
  readonly usage: string;
  /** More about it, for its own help. */
  readonly about: string;
  readonly examples: readonly string[];
  readonly schema: S;
  /** How many words it takes, least and most. */
  readonly words: readonly [number, number];
  /** Whether `-- CMD` must stand at the end. */
  readonly takesCommand?: boolean;
  /** Resolves with the exit status. */
  run(settings: Readonly<z.output<S>>, call: Call): Promise<number>;
}

export interface Command extends Omit<CommandPlan<SettingsSchema>, 'run'> {
  /** @param foreign flags of other commands: a config file is shared. */
  run(given: Arguments, terminal: Terminal, foreign: readonly string[]): Promise<number>;
}

/** A command whose flags are read and checked before it runs. */
export function command<S extends SettingsSchema>(plan: CommandPlan<S>): Command {
  return {
    ...plan,
    async run(given, terminal, foreign) {
      checkWords(plan, given);
      const sources = gatherSources(given.flags, terminal.env);
      const settings = readSettings(plan.schema, sources, foreign);
      return plan.run(settings, { words: given.words, command: given.command ?? [], terminal });
    },
  };
}

function checkWords(
  plan: Pick<Command, 'name' | 'usage' | 'words' | 'takesCommand'>,
  given: Arguments,
): void {
  const [least, most] = plan.words;
  const how = `usage: rollcall ${plan.name} ${plan.usage}`;
  if (given.words.length < least) throw usage(`something is missing; ${how}`);
  const surplus = given.words[most];
  if (surplus !== undefined) {
    const hint = plan.takesCommand === true ? ' (a command to run stands behind "--")' : '';
    throw usage(`"${surplus}" is too much${hint}; ${how}`);
  }
  const wantsCommand = plan.takesCommand === true;
  if (wantsCommand && (given.command?.[0] ?? '') === '') {
    throw usage(`the command to run is missing: put it behind "--"; ${how}`);
  }
  if (!wantsCommand && given.command !== undefined) {
    throw usage(`rollcall ${plan.name} runs no command: leave out what begins with "--"; ${how}`);
  }
}

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Import {
  /** Of the importing file, from the project's folder: `src/http/app.ts`. */
  readonly from: string;
  /** The imported file in the same form, or a package's name. */
  readonly to: string;
  readonly typeOnly: boolean;
}

export interface SourceFile {
  readonly path: string;
  readonly lines: number;
  /** Its text without the comments. */
  readonly code: string;
  readonly imports: readonly Import[];
}

const top = fileURLToPath(new URL('../..', import.meta.url));

/** Every TypeScript file below src/, with what it imports. */
export function sourceFiles(): readonly SourceFile[] {
  return readdirSync(join(top, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => posix.join('src', name.replaceAll('\\', '/')))
    .toSorted()
    .map(path => {
      const text = readFileSync(join(top, path), 'utf8');
      return {
        path,
        lines: text.split('\n').length - 1,
        code: withoutComments(text),
        imports: importsOf(path, text),
      };
    });
}

const withoutComments = (text: string): string =>
  text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');

/** `import … from '…'`, `export … from '…'`, `import '…'`, `import('…')`. */
const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
/** `import('…').Name` is a type, `await import('…')` is not. */
const EXPRESSION = /\bimport\('([^']+)'\)(\.[A-Z])?/g;

/** The imports of one file's text. Those of relative paths are resolved against `path`. */
export function importsOf(path: string, text: string): readonly Import[] {
  const code = withoutComments(text);
  const resolve = (specifier: string): string =>
    specifier.startsWith('.') ? posix.join(dirname(path), specifier) : specifier;
  const statements = [...code.matchAll(STATEMENT)].map(([, type, specifier = '']) => ({
    from: path,
    to: resolve(specifier),
    typeOnly: type !== undefined,
  }));
  const expressions = [...code.matchAll(EXPRESSION)].map(([, specifier = '', member]) => ({
    from: path,
    to: resolve(specifier),
    typeOnly: member !== undefined,
  }));
  return [...statements, ...expressions];
}

/** A cycle among the files, as the list of its members, or undefined when there is none. */
export function findCycle(files: readonly SourceFile[]): readonly string[] | undefined {
  const byPath = new Map(files.map(file => [file.path, file]));
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const { to } of byPath.get(path)?.imports ?? []) {
      const cycle = visit(to, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const { path } of files) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** The room of a file below src/; the files beside the rooms (`src/index.ts`) are the room `door`. */
export function roomOf(path: string): string {
  const [, room = '', file] = path.split('/');
  return file === undefined ? 'door' : room;
}

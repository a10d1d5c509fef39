/** A directory with sequential nodes, and how many nodes had been made in it where it was exported. */
export interface Sequence {
  readonly path: string;
  readonly counter: number;
}

export interface Sequences {
  /** @param counter how many nodes had been made below `path` where it was exported. */
  found(path: string, counter: number): void;
  made(path: string): void;
  /** Directories that got sequential nodes, but fewer nodes than had been made in them. */
  behind(): readonly Sequence[];
}

interface Directory {
  readonly counter: number;
  made: number;
  hasSequential: boolean;
}

/**
 * Keeps count of what is made in each directory: a sequential node's number is how many nodes were ever made beside it, and no client
 * can set it. Parents are found before their children.
 */
export function sequences(): Sequences {
  const directories = new Map<string, Directory>();
  return {
    found(path, counter) {
      if (counter !== 0) directories.set(path, { counter, made: 0, hasSequential: false });
    },
    made(path) {
      const directory = directories.get(path.slice(0, path.lastIndexOf('/')) || '/');
      if (directory === undefined) return;
      directory.made += 1;
      directory.hasSequential ||= /\d{10}$/.test(path);
    },
    behind() {
      return [...directories]
        .filter(([, { counter, made, hasSequential }]) => hasSequential && made < counter)
        .map(([path, { counter }]) => ({ path, counter }));
    },
  };
}

import { hasCode } from '../kernel/errors.ts';
import type { Session } from './api.ts';
import { checkAcl } from './acl.ts';
import type { CallOptions } from './calls.ts';
import type { EphemeralBudget } from './ephemeral-budget.ts';
import { checkPath } from './path.ts';
import type { OperationContext } from './reads.ts';

export type Writes = Pick<Session, 'setData' | 'remove' | 'setAcl'>;

export interface WriteContext extends OperationContext {
  readonly budget: EphemeralBudget;
}

const ANY_VERSION = -1;

/** A write for any version comes to the same however often it is made; with a version it is a compare-and-set. */
function repeatable(version: number): CallOptions['repeat'] {
  return version === ANY_VERSION ? 'idempotent' : 'once';
}

export function writes({ calls, library, budget }: WriteContext): Writes {
  return {
    async setData(path, data, version, options) {
      checkPath(path);
      return calls.run({ repeat: repeatable(version), signal: options?.signal }, ticket =>
        library.setData(ticket, path, data, version),
      );
    },
    async remove(path, version, options) {
      checkPath(path);
      await calls.run(
        { repeat: repeatable(version), signal: options?.signal },
        async (ticket, tries) => {
          try {
            await library.remove(ticket, path, version);
          } catch (error) {
            if (tries === 0 || !hasCode(error, 'NO_NODE')) throw error;
          }
        },
      );
      budget.removed(path);
    },
    async setAcl(path, acl, aclVersion, options) {
      checkPath(path);
      checkAcl(acl);
      return calls.run({ repeat: repeatable(aclVersion), signal: options?.signal }, ticket =>
        library.setAcl(ticket, path, acl, aclVersion),
      );
    },
  };
}

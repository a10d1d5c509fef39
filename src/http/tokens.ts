import { createHash, timingSafeEqual } from 'node:crypto';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { RollcallError } from '../kernel/errors.ts';
import { issueText } from '../registry/index.ts';

/** Each may do what the ones before it may. */
export const ROLES = ['read', 'write', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export function mayAct(role: Role, wanted: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(wanted);
}

export interface Principal {
  readonly name: string;
  readonly role: Role;
}

export interface TokenTable {
  readonly size: number;
  /** Whose token it is. Takes the same time for every token, known or not. */
  find(token: string): Principal | undefined;
}

const TokenSchema = z
  .strictObject({
    name: z.string().min(1).max(64),
    role: z.enum(ROLES),
    token: z.string().min(8, 'a token has at least 8 characters').max(512).optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/, 'sha256 is 64 hexadecimal digits')
      .optional(),
  })
  .refine(({ token, sha256 }) => (token === undefined) !== (sha256 === undefined), {
    message: 'give either token or sha256',
  });

const TokensSchema = z.array(TokenSchema).min(1, 'there is no token in it').max(1_000);

const digest = (token: string): Buffer => createHash('sha256').update(token).digest();

/**
 * Reads a table of tokens: a YAML or JSON list of `{name, role: read|write|admin, token | sha256}`, where `sha256` is the
 * hexadecimal digest of the token, so that the file need not hold it.
 *
 * @throws RollcallError INVALID_CONFIG naming the entry at fault, never a token.
 */
export function readTokens(text: string): TokenTable {
  const parsed = TokensSchema.safeParse(readYaml(text));
  if (!parsed.success) {
    throw new RollcallError('INVALID_CONFIG', `the tokens file: ${issueText(parsed.error)}`);
  }
  const entries = parsed.data.map(({ name, role, token, sha256 }) => ({
    principal: { name, role },
    digest: token === undefined ? Buffer.from(sha256 ?? '', 'hex') : digest(token),
  }));
  return {
    size: entries.length,
    find(token) {
      const asked = digest(token);
      let found: Principal | undefined;
      for (const entry of entries) {
        if (timingSafeEqual(entry.digest, asked)) found ??= entry.principal;
      }
      return found;
    },
  };
}

function readYaml(text: string): unknown {
  try {
    return parseYaml(text);
  } catch {
    // The parser's message quotes the line, and with it perhaps a token.
    throw new RollcallError('INVALID_CONFIG', 'the tokens file is neither YAML nor JSON');
  }
}

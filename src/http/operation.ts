import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { RollcallErrorCode } from '../kernel/errors.ts';
import type { Access } from './access.ts';
import { type FieldError, refuse } from './problem.ts';
import type { Role } from './tokens.ts';

/** What one answer looks like, for the documentation. */
export interface AnswerDoc {
  readonly description: string;
  /** undefined: no body. A string: a content type whose body is text. */
  readonly body?: z.ZodType | string;
  /** Of what does not come from the view: it says the index at which it shows there. */
  readonly indexed?: boolean;
}

/** One method of one route: what it takes, what it answers, who may ask, and how it is documented. */
export interface Operation<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType> {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** With `:name` for the parameters. */
  readonly path: string;
  /** Unique; programs generated from the OpenAPI document name their functions after it. */
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** `open`: asked without a token even when there are tokens. */
  readonly access: Role | 'open';
  readonly params: P;
  readonly query: Q;
  /** `NoBody` when it takes none. */
  readonly body: B;
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  /** The codes that it may fail with, beside those that every operation may. */
  readonly problems?: readonly RollcallErrorCode[];
  /** The answer carries the view's headers, and is 503 while there is no complete view. */
  readonly fromView?: boolean;
  /** The answer goes on for as long as the client listens. */
  readonly stream?: boolean;
  readonly example: string;
  handle(
    input: {
      readonly params: z.output<P>;
      readonly query: z.output<Q>;
      readonly body: z.output<B>;
    },
    request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply | Promise<FastifyReply>;
}

export type OperationDoc = Omit<Operation<z.ZodObject, z.ZodObject, z.ZodType>, 'handle'>;

/** Every operation that was mounted: what the OpenAPI document and the answer 405 are made from. */
export interface Catalog {
  add(operation: OperationDoc): void;
  readonly operations: readonly OperationDoc[];
  /** The methods of the route that `path` (decoded or not, without a query) is on; empty when there is none. */
  methodsAt(path: string): readonly string[];
}

export function createCatalog(): Catalog {
  const operations: OperationDoc[] = [];
  return {
    add: operation => void operations.push(operation),
    operations,
    methodsAt(path) {
      const found = operations.filter(operation => matches(operation.path, path));
      const methods = found.map(({ method }) => method);
      const head = found.some(({ method, stream }) => method === 'GET' && stream !== true);
      return [...methods, ...(head ? ['HEAD'] : [])].toSorted();
    },
  };
}

function matches(template: string, path: string): boolean {
  const wanted = template.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, at) => (part.startsWith(':') ? given[at] !== '' : part === given[at]))
  );
}

export const NoParams = z.strictObject({});
export const NoQuery = z.strictObject({});
/** What a client sends all the same is not looked at. */
export const NoBody = z.unknown();

export interface MountOptions {
  readonly catalog: Catalog;
  readonly access: Access;
}

/** Puts an operation on its route: authorised, then its input parsed, then handled. A query or body with an unknown name is refused. */
export function mount<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>(
  app: FastifyInstance,
  { catalog, access }: MountOptions,
  operation: Operation<P, Q, B>,
): void {
  const { method, path, params, query, body } = operation;
  catalog.add(operation);
  const guard = access.guard(operation.access);
  const readParams = reader(params, 'path');
  const readQuery = reader(query, 'query');
  const readBody = reader(body, 'body');
  app.route({
    method,
    url: path,
    exposeHeadRoute: operation.stream !== true,
    ...(guard === undefined ? {} : { onRequest: guard }),
    handler: (request, reply) =>
      operation.handle(
        {
          params: readParams(request.params),
          query: readQuery(request.query),
          body: readBody(request.body),
        },
        request,
        reply,
      ),
  });
}

/** So much is said of what is wrong with one request: a body may have a hundred thousand unknown fields. */
const MAX_FIELD_ERRORS = 10;
const MAX_FIELD_NAME = 128;

/** Parses one part of a request. What it made of nothing at all is remembered: most lookups have no query. */
function reader<S extends z.ZodType>(schema: S, part: 'path' | 'query' | 'body') {
  const ofNothing = part === 'query' ? schema.safeParse({}) : undefined;
  return (value: unknown): z.output<S> => {
    if (ofNothing?.success === true && isEmpty(value)) return ofNothing.data;
    // With the values that are wrong: what is missing could not be told from what is of another type.
    const parsed = schema.safeParse(value, { reportInput: true });
    if (parsed.success) return parsed.data;
    const wrong = parsed.error.issues.flatMap(issue => fieldErrors(issue, part));
    return refuse(...wrong.slice(0, MAX_FIELD_ERRORS));
  };
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  for (const _ in value) return false;
  return true;
}

function fieldErrors(issue: z.core.$ZodIssue, part: string): readonly FieldError[] {
  const within = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const what = part === 'body' ? 'there is no such field' : 'there is no such parameter';
    const keys = issue.keys.slice(0, MAX_FIELD_ERRORS);
    return keys.map(key => ({ field: fieldName([...within, key]), message: what }));
  }
  const message = typeMessage(issue, part) ?? issue.message;
  return [{ field: within.length === 0 ? part : fieldName(within), message }];
}

function fieldName(path: readonly string[]): string {
  const name = path.join('.');
  if (name === '') return '""';
  return name.length <= MAX_FIELD_NAME ? name : `${name.slice(0, MAX_FIELD_NAME)}…`;
}

/** Where a word of ours says more than the schema's. Never repeats the value: it may be what nobody else should read. */
function typeMessage({ code, input }: z.core.$ZodIssue, part: string): string | undefined {
  if (code !== 'invalid_type') return undefined;
  if (input === undefined) return 'is missing';
  return part === 'query' && Array.isArray(input) ? 'is given more than once' : undefined;
}

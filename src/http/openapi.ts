import { z } from 'zod';
import type { RollcallErrorCode } from '../kernel/errors.ts';
import { type AnswerDoc, NoBody, type OperationDoc } from './operation.ts';
import { MEANINGS } from './problem.ts';
import { components, ProblemAnswer } from './schemas/answers.ts';

type Json = Record<string, unknown>;

const COMPONENTS = '#/components/schemas/';

/** A named schema by reference, any other in place. `output`: as it is answered; `input`: as it is sent, before it is parsed. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const id = components.get(schema)?.id;
  if (id !== undefined) return { $ref: `${COMPONENTS}${id}` };
  const { $schema: _, ...plain } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return plain;
}

function namedSchemas(): Json {
  const { schemas } = z.toJSONSchema(components, { uri: id => `${COMPONENTS}${id}` });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _schema, $id: _id, ...plain }]) => [id, plain]),
  );
}

function parameters(
  shape: Readonly<Record<string, z.ZodType>>,
  where: 'path' | 'query',
): readonly Json[] {
  return Object.entries(shape).map(([name, schema]) => {
    // A list may be one text with commas, or several parameters: OpenAPI knows the second way.
    const read = schemaOf(schema, 'output');
    const isList = read['type'] === 'array';
    const { description, ...plain } = isList ? read : schemaOf(schema, 'input');
    return {
      name,
      in: where,
      required: where === 'path',
      ...(description === undefined ? {} : { description }),
      schema: plain,
      ...(isList ? { style: 'form', explode: true } : {}),
    };
  });
}

const VIEW_HEADERS = ['RollcallIndex', 'RollcallView', 'ETag', 'RollcallReset'] as const;
const HEADER_NAMES = {
  RollcallIndex: 'X-Rollcall-Index',
  RollcallView: 'X-Rollcall-View',
  ETag: 'ETag',
  RollcallReset: 'X-Rollcall-Reset',
} as const;

const headerComponents: Json = {
  RollcallIndex: {
    description:
      'The index of what was asked for: a decimal zxid. Give it back as ?index= to wait for the next one.',
    schema: { type: 'string', pattern: '^\\d{1,19}$' },
  },
  RollcallView: {
    description:
      'Whether the view is complete (live), not yet (syncing), or as it was when ZooKeeper was last heard of (stale).',
    schema: { type: 'string', enum: ['live', 'syncing', 'stale'] },
  },
  ETag: {
    description: 'A digest of the body; give it back as If-None-Match.',
    schema: { type: 'string' },
  },
  RollcallReset: {
    description:
      'true: this answer is older than the index that was given. What the client has is void.',
    schema: { type: 'string', const: 'true' },
  },
};

type HeaderId = keyof typeof HEADER_NAMES;

/** A stream has no end of which there could be a digest, and says `reset` in an event of its own. */
const STREAM_HEADERS: readonly HeaderId[] = ['RollcallIndex', 'RollcallView'];

function headersOf(ids: readonly HeaderId[]): Json {
  return Object.fromEntries(
    ids.map(id => [HEADER_NAMES[id], { $ref: `#/components/headers/${id}` }]),
  );
}

function answerOf({ description, body, indexed = false }: AnswerDoc, of: OperationDoc): Json {
  const fromView = of.stream === true ? STREAM_HEADERS : VIEW_HEADERS;
  const ids = of.fromView === true ? fromView : indexed ? (['RollcallIndex'] as const) : [];
  const headers = ids.length > 0 ? { headers: headersOf(ids) } : {};
  if (body === undefined) return { description, ...headers };
  const content =
    typeof body === 'string'
      ? { [body]: { schema: { type: 'string' } } }
      : { 'application/json': { schema: schemaOf(body, 'output') } };
  return { description, ...headers, content };
}

/** Several codes may share a status: they are listed in its description. */
function problemsOf(operation: OperationDoc): Json {
  const codes = new Set<RollcallErrorCode>(['INVALID_REQUEST', ...(operation.problems ?? [])]);
  if (operation.fromView === true) codes.add('VIEW_SYNCING').add('LIMIT_REACHED');
  if (operation.access !== 'open') codes.add('UNAUTHENTICATED').add('FORBIDDEN');
  const byStatus = new Map<number, RollcallErrorCode[]>();
  for (const code of codes) {
    const { status } = MEANINGS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const content = { 'application/problem+json': { schema: schemaOf(ProblemAnswer, 'output') } };
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      String(status),
      { description: of.map(code => `${code}: ${MEANINGS[code].title}.`).join(' '), content },
    ]),
  );
}

function conditional({ fromView, stream }: OperationDoc): readonly Json[] {
  if (stream === true) return [{ $ref: '#/components/parameters/LastEventId' }];
  if (fromView !== true) return [];
  return [{ $ref: '#/components/parameters/IfNoneMatch' }];
}

function operationOf(operation: OperationDoc): Json {
  const { id, tag, summary, description, params, query, body, answers, example } = operation;
  const { fromView = false, stream = false } = operation;
  const notModified = fromView && !stream;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    parameters: [
      ...parameters(params.shape, 'path'),
      ...parameters(query.shape, 'query'),
      ...conditional(operation),
    ],
    ...(body === NoBody
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(body, 'input') } },
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, answerOf(answer, operation)]),
      ),
      ...(notModified
        ? {
            304: {
              description: 'The client has this body already.',
              headers: headersOf(VIEW_HEADERS),
            },
          }
        : {}),
      ...problemsOf(operation),
    },
    security: operation.access === 'open' ? [] : [{}, { token: [] }],
    'x-example': example,
    'x-role': operation.access,
  };
}

/** The OpenAPI 3.1 document of what is mounted. */
export function openApiDocument(operations: readonly OperationDoc[], version: string): Json {
  const paths = new Map<string, Json>();
  for (const operation of operations) {
    const path = operation.path.replaceAll(/:(\w+)/g, '{$1}');
    const known = paths.get(path) ?? {};
    paths.set(path, { ...known, [operation.method.toLowerCase()]: operationOf(operation) });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Rollcall',
      version,
      summary: 'Who is alive? The live view of ZooKeeper’s registrations.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Discovery', description: 'Who is alive.' },
      { name: 'Operating', description: 'Why, since when, and by whose word.' },
      { name: 'Daemon', description: 'The daemon itself.' },
    ],
    paths: Object.fromEntries(paths),
    components: {
      schemas: namedSchemas(),
      headers: headerComponents,
      parameters: {
        LastEventId: {
          name: 'Last-Event-ID',
          in: 'header',
          required: false,
          description: 'The id of the last event that the client had: goes on after it.',
          schema: { type: 'string' },
        },
        IfNoneMatch: {
          name: 'If-None-Match',
          in: 'header',
          required: false,
          description: 'The ETag of the last answer: 304 when the body is still the same.',
          schema: { type: 'string' },
        },
      },
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'Needed when the daemon has a table of tokens.',
        },
      },
    },
  };
}

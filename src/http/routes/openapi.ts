import type { FastifyPluginAsync } from 'fastify';
import type { RouteContext } from '../context.ts';
import { mount, NoBody, NoParams, NoQuery } from '../operation.ts';
import { openApiDocument } from '../openapi.ts';

export const openApiRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { catalog, version } = context;
  let text: string | undefined;

  mount(app, context, {
    method: 'GET',
    path: '/openapi.json',
    id: 'getOpenApi',
    tag: 'Daemon',
    summary: 'This API, as an OpenAPI 3.1 document',
    access: 'open',
    params: NoParams,
    query: NoQuery,
    body: NoBody,
    answers: { 200: { description: 'The document.', body: 'application/json' } },
    example: 'curl http://127.0.0.1:7070/openapi.json',
    handle(_input, _request, reply) {
      // Made when first asked for: by then every operation has been mounted.
      text ??= JSON.stringify(openApiDocument(catalog.operations, version));
      return reply.header('cache-control', 'no-cache').type('application/json').send(text);
    },
  });
};

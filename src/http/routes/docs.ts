import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import type { RouteContext } from '../context.ts';
import { mount, NoBody, NoParams, NoQuery } from '../operation.ts';
import { openApiDocument } from '../openapi.ts';
import { docsPage, homePage } from '../pages.ts';

/** The pages have no scripts and load nothing. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

function sendPage(reply: FastifyReply, text: string): FastifyReply {
  return reply
    .header('content-security-policy', POLICY)
    .header('cache-control', 'no-cache')
    .type('text/html; charset=utf-8')
    .send(text);
}

export const docsRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { catalog, version } = context;
  const home = homePage(version);
  let docs: string | undefined;
  const page = {
    method: 'GET',
    tag: 'Daemon',
    access: 'open',
    params: NoParams,
    query: NoQuery,
    body: NoBody,
    answers: { 200: { description: 'The page.', body: 'text/html' } },
  } as const;

  mount(app, context, {
    ...page,
    path: '/docs',
    id: 'getDocs',
    summary: 'This API, for people',
    example: 'curl http://127.0.0.1:7070/docs',
    handle(_input, _request, reply) {
      const { operations } = catalog;
      docs ??= docsPage(operations, openApiDocument(operations, version), version);
      return sendPage(reply, docs);
    },
  });

  mount(app, context, {
    ...page,
    path: '/',
    id: 'getHome',
    summary: 'What this is, and where to go',
    example: 'curl http://127.0.0.1:7070/',
    handle: (_input, _request, reply) => sendPage(reply, home),
  });
};

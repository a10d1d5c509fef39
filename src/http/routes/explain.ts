import type { FastifyPluginAsync } from 'fastify';
import type { Explanation } from '../../aggregator/ports.ts';
import type { RouteContext } from '../context.ts';
import { mount, NoBody, NoQuery } from '../operation.ts';
import { ExplainAnswer } from '../schemas/answers.ts';
import { ProviderParams } from '../schemas/inputs.ts';
import { listJson, providerJson, suspectJson, toJson } from '../wire.ts';

function explanationJson(explanation: Explanation): string {
  const { provider, suspect, znodes, history, service, id } = explanation;
  const { listed, inDefaultList, reasons, override } = explanation;
  const plain = toJson({
    service,
    id,
    listed,
    inDefaultList,
    reasons,
    override: override ?? null,
    znodes: znodes.map(({ znode, czxid, sessionId, verdict, detail }) => ({
      znode,
      czxid,
      sessionId: hex(sessionId),
      verdict,
      detail,
    })),
  });
  const providerText = provider === undefined ? 'null' : providerJson(provider);
  const suspectText = suspect === undefined ? 'null' : suspectJson(suspect);
  const entries = listJson(history, toJson);
  return `${plain.slice(0, -1)},"provider":${providerText},"suspect":${suspectText},"history":${entries}}`;
}

/** As ZooKeeper's own tools write a session's id. */
function hex(sessionId: bigint): string {
  return `0x${BigInt.asUintN(64, sessionId).toString(16)}`;
}

export const explainRoutes: FastifyPluginAsync<RouteContext> = async (app, context) => {
  const { aggregator, answers } = context;

  mount(app, context, {
    method: 'GET',
    path: '/v1/explain/:service/:id',
    id: 'explain',
    tag: 'Operating',
    summary: 'Why a provider is listed, or is not',
    description: 'Also for ids that nobody has announced.',
    access: 'read',
    params: ProviderParams,
    query: NoQuery,
    body: NoBody,
    answers: { 200: { description: 'The explanation.', body: ExplainAnswer } },
    fromView: true,
    example: 'curl http://127.0.0.1:7070/v1/explain/orders/orders-1',
    handle: ({ params: { service, id } }, request, reply) =>
      answers.sendFresh(request, reply, () => ({
        json: explanationJson(aggregator.explain(service, id)),
      })),
  });
};

import { z } from 'zod';
import { type Html, html, raw } from './html.ts';
import type { OperationDoc } from './operation.ts';
import { MEANINGS } from './problem.ts';

const STYLE = raw(`
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; } h3 { margin: 2.5rem 0 .25rem; font-size: 1.05rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; } pre { padding: .75rem; overflow-x: auto; background: #8881; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; } th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid #8884; }
nav a { margin-right: 1rem; } .method { font-weight: 700; } .role { opacity: .7; }
`);

function page(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}

const LINKS = html`<nav><a href="/">Rollcall</a> <a href="/docs">API</a> <a href="/openapi.json">OpenAPI</a> <a href="/v1/services">services</a> <a href="/v1/aggregators">aggregators</a> <a href="/v1/overview">overview</a> <a href="/metrics">metrics</a> <a href="/readyz">readiness</a></nav>`;

/** What this is and where to go; for whoever opens the address in a browser. */
export function homePage(version: string): string {
  return page(
    'Rollcall',
    html`<h1>Rollcall</h1>
<p>Who is alive? This daemon watches ZooKeeper and knows every provider of every service that is registered there. Version ${version}.</p>
${LINKS}
<h2>Ask it</h2>
<pre>curl http://127.0.0.1:7070/v1/services
curl http://127.0.0.1:7070/v1/services/orders/providers
curl -N http://127.0.0.1:7070/v1/watch</pre>`,
  );
}

function parameterRow(name: string, where: string, description: string): Html {
  return html`<tr><td><code>${name}</code></td><td>${where}</td><td>${description}</td></tr>`;
}

function operationHtml(operation: OperationDoc): Html {
  const { method, path, id, summary, description, params, query, example, access } = operation;
  const rows = [
    ...Object.entries(params.shape).map(([name]) => parameterRow(name, 'path', '')),
    ...Object.entries(query.shape).map(([name, schema]) =>
      parameterRow(name, 'query', z.globalRegistry.get(schema)?.description ?? ''),
    ),
  ];
  const role = access === 'open' ? '' : html` <span class="role">(${access})</span>`;
  const table =
    rows.length === 0
      ? ''
      : html`<table><thead><tr><th>parameter</th><th>in</th><th></th></tr></thead><tbody>${rows}</tbody></table>`;
  return html`<h3 id="${id}"><span class="method">${method}</span> <code>${path}</code>${role}</h3>
<p>${summary}. ${description ?? ''}</p>
${table}
<pre>${example}</pre>`;
}

/** The API's pages, made from the same operations as the OpenAPI document. Nothing is loaded from elsewhere. */
export function docsPage(
  operations: readonly OperationDoc[],
  document: { readonly [part: string]: unknown },
  version: string,
): string {
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  return page(
    'Rollcall: the API',
    html`<h1>Rollcall: the API</h1>
${LINKS}
<p>Version ${version}. JSON under <code>/v1</code>; errors are <a href="https://www.rfc-editor.org/rfc/rfc9457">problem+json</a> with a <code>code</code>. Indexes are decimal strings of up to 64 bits.</p>
<p>Every answer from the view says <code>X-Rollcall-Index</code>, <code>X-Rollcall-View</code> and <code>ETag</code>. With <code>?index=N&amp;wait=30s</code> a request is held until there is news; with <code>If-None-Match</code> the answer is 304 when there is none. <code>X-Rollcall-Reset: true</code>: the answer is older than N.</p>
${tags.map(tag => html`<h2>${tag}</h2>${operations.filter(operation => operation.tag === tag).map(operationHtml)}`)}
<h2>Errors</h2>
<table><thead><tr><th>code</th><th>status</th><th>meaning</th></tr></thead><tbody>
${Object.entries(MEANINGS).map(([code, { status, title }]) => html`<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td></tr>`)}
</tbody></table>
<h2>The document</h2>
<details><summary>OpenAPI 3.1</summary><pre>${JSON.stringify(document, null, 2)}</pre></details>`,
  );
}

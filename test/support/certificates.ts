import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Key and certificate in one file, as Java reads a PEM key store. */
  readonly storeFile: string;
}

export interface Certificates extends AsyncDisposable {
  readonly ca: string;
  readonly caFile: string;
  readonly server: Certificate;
  readonly client: Certificate;
}

/** A certificate authority of a test's own, with one server (localhost, 127.0.0.1) and one client, made by `openssl`. */
export async function certificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-certificates-'));
  const at = (name: string): string => join(folder, name);
  const openssl = async (...args: readonly string[]): Promise<void> => {
    await run('openssl', [...args], { cwd: folder });
  };

  const issue = async (name: string): Promise<Certificate> => {
    await openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    );
    await openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'names',
      '-out',
      `${name}.crt`,
    );
    const [key, cert] = await Promise.all([
      readFile(at(`${name}.key`), 'utf8'),
      readFile(at(`${name}.crt`), 'utf8'),
    ]);
    await writeFile(at(`${name}.pem`), `${key}${cert}`);
    return { key, cert, storeFile: at(`${name}.pem`) };
  };

  await writeFile(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  const server = await issue('server');
  const client = await issue('client');
  return {
    ca: await readFile(at('ca.pem'), 'utf8'),
    caFile: at('ca.pem'),
    server,
    client,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

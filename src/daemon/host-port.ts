export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export const HOST_PORT_HINT = 'an address looks like 127.0.0.1:7070 or [::1]:7070';

/** Reads `host:port`, IPv6 in brackets; undefined when it is neither. Port 0 is allowed. */
export function readHostPort(text: string): HostPort | undefined {
  const found = /^(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

export function hostPortText({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::', '*']);

/** Whether it means every address of this machine. */
export const isAnyAddress = (host: string): boolean => ANY.has(host);

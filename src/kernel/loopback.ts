const LOOPBACK = String.raw`localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}`;
const HOST = new RegExp(`^(?:${LOOPBACK}|::1)$`, 'i');
const AUTHORITY = new RegExp(String.raw`^(?:${LOOPBACK}|\[::1\])(?::\d{1,5})?$`, 'i');

/** Whether only this machine can reach it. */
export const isLoopback = (host: string): boolean => HOST.test(host);

/** The same of a host with its port, if any, as URLs and `Host` headers have it. */
export const isLoopbackAuthority = (text: string): boolean => AUTHORITY.test(text);

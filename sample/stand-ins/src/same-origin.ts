import type { IncomingMessage, ServerResponse } from 'node:http';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Middleware that refuses, with 403, what a page of some other site asks of this app in the same browser:
 * - a Host that is not this machine, as a name has it that was pointed at 127.0.0.1 (DNS rebinding);
 * - a request that changes something with the Origin of another site.
 * `hosts` are further names that the app is reached by.
 */
export function sameOrigin(hosts: readonly string[] = []) {
  const known = new Set([...LOOPBACK, ...hosts]);
  return (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const host = request.headers.host ?? '';
    const fault = !known.has(host.replace(/:\d+$/, '').toLowerCase())
      ? `the Host ${JSON.stringify(host)} is not this app's`
      : originFault(request, host);
    if (fault === undefined) {
      next();
      return;
    }
    response.statusCode = 403;
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.end(`Refused: ${fault}\n`);
  };
}

/** A program sends no Origin; a browser does with whatever changes something. */
function originFault({ method = 'GET', headers }: IncomingMessage, host: string) {
  const { origin } = headers;
  if (READS.has(method) || origin === undefined) return undefined;
  return origin === `http://${host}`
    ? undefined
    : `the Origin ${JSON.stringify(origin)} is another site`;
}

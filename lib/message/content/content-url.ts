import { abortedError, type MailDeliveryError } from '../../base/errors.js';
import { show, type TextFault } from '../text.js';

export interface LoadUrlOptions {
  readonly origins: readonly string[];
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** An origin in its one spelling (RFC 6454 §6.1); `undefined` for anything more or less than one. */
export function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const web = url.protocol === 'https:' || url.protocol === 'http:';
  // The serialised form shows path, query, fragment and credentials; `?` and `#` alone leave no other trace.
  return web && url.href === `${url.origin}/` && !/[?#]/.test(text) ? url.origin : undefined;
}

/** The URL, when it is one that may be fetched. */
function allowedUrl(href: string, origins: readonly string[]): URL | undefined {
  if (!URL.canParse(href)) return undefined;
  const url = new URL(href);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  if (url.username !== '' || url.password !== '') return undefined;
  return origins.some((origin) => originOf(origin) === url.origin) ? url : undefined;
}

function fault(url: URL, problem: string): TextFault {
  return {
    // The query may hold a token.
    problem: `${show(url.origin + url.pathname)} ${problem}`,
    fix: 'Fetch it yourself and give the bytes as `content`, or mend the URL',
  };
}

export function aborted(cause: unknown): MailDeliveryError {
  const message = 'Loading an attachment was aborted; nothing was sent.';
  return abortedError({ stage: 'request', message, cause });
}

/**
 * Fetches from an allowed origin: no redirect followed, no byte past the cap, one deadline over all.
 *
 * @throws MailDeliveryError `MAIL_ABORTED` when `signal` fires.
 */
export async function loadUrl(href: string, options: LoadUrlOptions): Promise<Buffer | TextFault> {
  const url = allowedUrl(href, options.origins);
  if (!url) {
    return {
      problem: "names a URL outside the origins that the module's `content.origins` allows",
      fix: 'Give the bytes as `content`, or allow the origin',
    };
  }
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  try {
    const { request } = await import('undici');
    // reset: an attachment now and then is no reason to keep a socket.
    const response = await request(url, { signal, reset: true });
    const { statusCode, headers, body } = response;
    const refuse = (problem: string): TextFault => {
      // Destroying an unread body raises an abort error that nobody waits for.
      body.on('error', () => undefined).destroy();
      return fault(url, problem);
    };
    if (statusCode !== 200) {
      const redirect = statusCode >= 300 && statusCode < 400;
      return refuse(`answered ${statusCode}${redirect ? '; redirects are not followed' : ''}`);
    }
    if (headers['content-encoding'] !== undefined) {
      return refuse('answered with a content encoding that nobody asked for');
    }
    const tooLarge = `is larger than the ${options.maxBytes} bytes that are left`;
    if (Number(headers['content-length'] ?? 0) > options.maxBytes) return refuse(tooLarge);
    const chunks: Buffer[] = [];
    let total = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      total += chunk.length;
      if (total > options.maxBytes) return refuse(tooLarge);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, total);
  } catch (error) {
    if (options.signal?.aborted) throw aborted(options.signal.reason);
    if (deadline.aborted)
      return fault(url, `did not answer in full within ${options.timeoutMs} ms`);
    const code = (error as { code?: unknown } | undefined)?.code;
    return fault(url, `could not be fetched${typeof code === 'string' ? ` (${code})` : ''}`);
  }
}

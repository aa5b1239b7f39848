import type { Readable } from 'node:stream';

/** What we need of a request, of Express or Fastify. */
export interface WebhookRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Set by Nest with `rawBody: true`. */
  readonly rawBody?: unknown;
  readonly body?: unknown;
}

/** SendGrid posts batches of some hundred KiB at most. */
const MAX_BYTES = 10 * 1024 * 1024;

/** A middleware has parsed the body, and the bytes that were signed are gone. */
export class ParsedBodyError extends Error {
  constructor() {
    super(
      'A body parser consumed the webhook’s body, so that its signature cannot be checked. Create the app with ' +
        '`NestFactory.create(AppModule, { rawBody: true })`, or keep JSON middleware off this path.',
    );
  }
}

export class TooLargeBodyError extends Error {}

/**
 * The body's bytes as they came, whoever kept them; read here where no parser did.
 * @throws ParsedBodyError, TooLargeBodyError
 */
export async function readRawBody(request: WebhookRequest): Promise<Buffer> {
  const { rawBody, body } = request;
  if (Buffer.isBuffer(rawBody)) return rawBody;
  if (Buffer.isBuffer(body)) return body;
  const stream = request as Partial<Readable>;
  if (body !== undefined || stream.readableEnded !== false) throw new ParsedBodyError();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as unknown as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new TooLargeBodyError();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

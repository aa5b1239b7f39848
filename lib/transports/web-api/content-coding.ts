import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
} from 'node:zlib';
import type { Transform } from 'node:stream';

/** One more than any server has a reason for. */
const MAX_CODINGS = 2;

/** An end that is missing is no fault: the connection may have been cut. */
const ZLIB = { finishFlush: constants.Z_SYNC_FLUSH };
const BROTLI = { finishFlush: constants.BROTLI_OPERATION_FLUSH };

/**
 * The body without its content codings (RFC 9110 §8.4.1), at most `max` bytes of it. We ask for `identity`, but a
 * server or a proxy may compress nevertheless, and what became of the mail stands in the body. What is cut
 * off is read as far as it goes; what is not what its header says stays as it came.
 */
export async function decodeContent(body: Buffer, header: string, max: number): Promise<Buffer> {
  const codings = header
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > MAX_CODINGS) return body;
  let bytes = body;
  // The last one was put on last.
  for (const coding of codings.reverse()) {
    const decoder = bytes.length > 0 ? decoderOf(coding, bytes) : undefined;
    if (!decoder) return bytes;
    const decoded = await collect(decoder, bytes, max);
    if (!decoded) return bytes;
    bytes = decoded;
  }
  return bytes;
}

function decoderOf(coding: string, bytes: Buffer): Transform | undefined {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(ZLIB);
    case 'deflate':
      // It means zlib's form (RFC 1950); some servers send the bare stream (RFC 1951).
      return (bytes[0]! & 0x0f) === 8 ? createInflate(ZLIB) : createInflateRaw(ZLIB);
    case 'br':
      return createBrotliDecompress(BROTLI);
    default:
      return undefined;
  }
}

/** Stops at `max`, however much more would come of it. `undefined` where nothing can be read. */
function collect(decoder: Transform, bytes: Buffer, max: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (): void => {
      resolve(size === 0 ? undefined : Buffer.concat(chunks).subarray(0, max));
      decoder.destroy();
    };
    decoder.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= max) finish();
    });
    decoder.once('end', finish);
    decoder.on('error', finish);
    decoder.end(bytes);
  });
}

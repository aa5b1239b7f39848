import { verify, type KeyObject } from 'node:crypto';

export interface SignedRequest {
  /** The body's bytes as they came. */
  readonly body: Buffer;
  /** `X-Twilio-Email-Event-Webhook-Signature` */
  readonly signature: string | undefined;
  /** `X-Twilio-Email-Event-Webhook-Timestamp`, in seconds since the Unix epoch */
  readonly timestamp: string | undefined;
}

/**
 * Why a request is not the provider's, if so: ECDSA P-256 with SHA-256 over timestamp and raw body
 * (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features).
 * `now` and `toleranceMs` are in milliseconds.
 */
export function signatureFault(
  { body, signature, timestamp }: SignedRequest,
  key: KeyObject,
  now: number,
  toleranceMs: number,
): string | undefined {
  if (signature === undefined || timestamp === undefined) return 'the request is not signed';
  if (!/^\d{1,12}$/.test(timestamp)) return 'the timestamp is no number of seconds';
  if (!/^[A-Za-z0-9+/]{1,200}={0,2}$/.test(signature)) return 'the signature is no base64';
  const signed = Buffer.concat([Buffer.from(timestamp), body]);
  if (!isSignature(signed, key, Buffer.from(signature, 'base64'))) {
    return 'the signature does not match timestamp and body';
  }
  // Last, so that only the provider learns how far apart the clocks are.
  const apart = Math.abs(now - Number(timestamp) * 1000);
  return apart <= toleranceMs ? undefined : `it was signed ${Math.round(apart / 1000)} s away`;
}

function isSignature(signed: Buffer, key: KeyObject, signature: Buffer): boolean {
  try {
    return verify('sha256', signed, key, signature);
  } catch {
    return false;
  }
}

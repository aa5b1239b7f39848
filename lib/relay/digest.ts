import { createHash } from 'node:crypto';
import type { Mail } from '../message/mail.js';

/** Says by which rule a digest was made: only those of one rule can be compared. */
const RULE = '1:';

/**
 * Of what makes a message this one and no other: who gets it from whom, the subject, and all that is to
 * be read in it. What is made anew for each `send` is left out (`Message-ID`, `Date`, ids), and so is
 * what tells nothing to its reader: headers, tags, metadata, priority, `sendAt`.
 */
export function digestOf(mail: Mail): string {
  const { from, envelope, subject, text, html, amp, icalEvent, attachments } = mail;
  const hash = createHash('sha256');
  // As JSON: no value can run into the next one.
  const recipients = [...envelope.to].sort();
  const files = attachments.map(({ filename, contentType, cid, disposition, content }) => {
    const bytes = createHash('sha256').update(content).digest('base64');
    return [filename ?? null, contentType, cid ?? null, disposition, bytes];
  });
  hash.update(JSON.stringify([from.address, recipients, subject]));
  hash.update(JSON.stringify([text ?? null, html ?? null, amp ?? null, icalEvent ?? null, files]));
  return RULE + hash.digest('base64url');
}

/** Whether two digests tell two messages apart. One that is missing, or of another rule, tells nothing. */
export function tellsApart(first: string | undefined, second: string | undefined): boolean {
  const known = first?.startsWith(RULE) === true && second?.startsWith(RULE) === true;
  return known && first !== second;
}

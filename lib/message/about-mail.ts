import type { Mail } from './mail.js';

/** What every event about a mail carries of it. */
export interface AboutMail {
  readonly id: string;
  readonly messageId: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly template?: string;
  readonly recipients: readonly string[];
  readonly attempt: number;
}

/** `recipients`: whom an event is about, by default all that are still open. */
export function aboutMail(
  { id, messageId, tags, metadata, template, envelope }: Mail,
  attempt: number,
  recipients: readonly string[] = envelope.to,
): AboutMail {
  const about = { id, messageId, tags, metadata, recipients, attempt };
  return template === undefined ? about : { ...about, template };
}

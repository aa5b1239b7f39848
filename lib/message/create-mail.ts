import { isoTime, systemClock, type Clock } from '../base/clock.js';
import { freezeMail } from './freeze-mail.js';
import { IssueList } from './read/issues.js';
import type { Mail } from './mail.js';
import { makeMessageId } from './message-id.js';
import type { MailMessage, MailMessageFields } from './message.js';
import { reading } from './read/reading.js';
import { DEFAULT_MAX_BYTES } from './read/size-meter.js';
import { uuidv7 } from './uuid.js';
import { readMessage } from './read/validate.js';

export interface CreateMailOptions {
  /** Fields a message that lacks them gets. headers, tags, metadata and providerOptions merge (message wins), all else replaces. */
  readonly defaults?: Partial<MailMessageFields>;
  /** Greatest size as sent, in bytes: bodies, headers and attachments with their encoding. Default 25 MiB. */
  readonly maxBytes?: number;
  /** The template that the message was filled from. */
  readonly template?: string;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/**
 * Validates a message and makes the mail of it: deeply frozen plain data, with a new id and, unless
 * the message brings one, a Message-ID. The caller's object is never touched, nor shared.
 *
 * @throws MailValidationError with every fault, its field and its fix.
 */
export function createMail(message: MailMessage, options: CreateMailOptions = {}): Mail {
  return reading(() => made(message, options));
}

function made(message: MailMessage, options: CreateMailOptions): Mail {
  const issues = new IssueList();
  const draft = readMessage(issues, message, {
    defaults: options.defaults,
    maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
  });
  if (!draft) return issues.raise();
  const now = (options.clock ?? systemClock).now();
  const id = uuidv7(now);
  const messageId = draft.messageId ?? makeMessageId(id, draft.from.address);
  const { template } = options;
  return freezeMail({ id, createdAt: isoTime(now), messageId, template }, draft);
}

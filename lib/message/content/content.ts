import { basename } from 'node:path';
import { loadFile } from './content-file.js';
import { aborted, loadUrl } from './content-url.js';
import {
  ATTACHMENT_FIELDS,
  copyFields,
  isObject,
  MESSAGE_FIELDS,
  readField,
} from '../read/fields.js';
import { IssueList } from '../read/issues.js';
import type { MailMessage } from '../message.js';
import { DEFAULT_MAX_BYTES } from '../read/size-meter.js';
import { fieldTextFault, show, type TextFault } from '../text.js';

/** What attachments may name instead of bringing their bytes. What is not listed is not allowed. */
export interface ContentAllowance {
  /** Folders that `path` may read regular files under; links do not lead out. Default: none. */
  readonly paths?: readonly string[];
  /** Origins (`https://cdn.example.com`, without a path) that `href` may fetch from. Default: none. */
  readonly origins?: readonly string[];
  /** Greatest size of all loaded attachments of a message together, in bytes. Default 25 MiB. */
  readonly maxBytes?: number;
  /** Deadline of each fetch, from its start to its last byte, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
}

export const DEFAULT_CONTENT_TIMEOUT_MS = 10_000;

function attachmentsOf(message: object): readonly unknown[] {
  const value = readField(message, 'attachments');
  return Array.isArray(value) ? value : [];
}

function namesContent(attachment: unknown): attachment is object {
  return (
    isObject(attachment) &&
    (readField(attachment, 'path') !== undefined || readField(attachment, 'href') !== undefined)
  );
}

/** Whether an attachment names a file or URL, so that loadContent has to come before createMail. */
export function needsContent(message: MailMessage): boolean {
  return isObject(message) && attachmentsOf(message).some(namesContent);
}

/** The last part of a path or URL, where the caller gave no filename. */
function filenameOf(path: string): string | undefined {
  const name = basename(path);
  return name === '' || name.length > 255 || fieldTextFault(name) ? undefined : name;
}

function hrefName(href: string): string | undefined {
  const { pathname } = new URL(href);
  try {
    return filenameOf(decodeURIComponent(pathname));
  } catch {
    return filenameOf(pathname);
  }
}

class ContentLoader {
  readonly issues = new IssueList();
  private left: number;

  constructor(
    private readonly allow: ContentAllowance,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.left = allow.maxBytes ?? DEFAULT_MAX_BYTES;
  }

  async load(attachment: object, at: string): Promise<unknown> {
    const { path, href, ...rest } = copyFields(attachment, ATTACHMENT_FIELDS);
    const key = path === undefined ? 'href' : 'path';
    const named = path ?? href;
    if (
      (path !== undefined && href !== undefined) ||
      readField(attachment, 'content') !== undefined
    ) {
      this.issues.add(at, 'has more than one of content, path and href', 'Keep exactly one');
    } else if (typeof named !== 'string' || named === '') {
      this.issues.add(`${at}.${key}`, `expected a string, got ${show(named)}`, 'Give a string');
    } else {
      const textFault = fieldTextFault(named);
      const loaded = textFault ?? (await this.fetch(key, named));
      if (Buffer.isBuffer(loaded)) {
        this.left -= loaded.length;
        const filename = rest['filename'] ?? (key === 'path' ? filenameOf(named) : hrefName(named));
        return { ...rest, filename, content: loaded, encoding: undefined };
      }
      this.issues.addFault(`${at}.${key}`, loaded);
    }
    return rest;
  }

  private async fetch(key: 'path' | 'href', named: string): Promise<Buffer | TextFault> {
    if (this.signal?.aborted) throw aborted(this.signal.reason);
    if (key === 'path') return loadFile(named, this.allow.paths ?? [], this.left);
    return loadUrl(named, {
      origins: this.allow.origins ?? [],
      maxBytes: this.left,
      timeoutMs: this.allow.timeoutMs ?? DEFAULT_CONTENT_TIMEOUT_MS,
      signal: this.signal,
    });
  }
}

/**
 * A copy of the message whose attachments hold the bytes that `path` and `href` named. One after the
 * other: so they share one size limit, and a message never opens many files at once.
 *
 * @throws MailValidationError for everything that is not allowed or could not be loaded.
 * @throws MailDeliveryError `MAIL_ABORTED` when `signal` fires.
 */
export async function loadContent(
  message: MailMessage,
  allow: ContentAllowance,
  signal?: AbortSignal,
): Promise<MailMessage> {
  if (!needsContent(message)) return message;
  const loader = new ContentLoader(allow, signal);
  const attachments: unknown[] = [];
  for (const [index, attachment] of attachmentsOf(message).entries()) {
    const named = namesContent(attachment);
    attachments.push(named ? await loader.load(attachment, `attachments[${index}]`) : attachment);
  }
  loader.issues.throwIfAny();
  return { ...copyFields(message, MESSAGE_FIELDS), attachments } as MailMessage;
}

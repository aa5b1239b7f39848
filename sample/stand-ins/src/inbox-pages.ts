import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { INBOX_STYLE } from './inbox-style.js';
import { listPage, mailPage, VIEWS, type View } from './inbox-view.js';
import type { Inbox } from './inbox.js';

const COMMON = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};

const styleHash = createHash('sha256').update(INBOX_STYLE).digest('base64');

const PAGE_HEADERS = {
  ...COMMON,
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${styleHash}'`,
    'img-src data:',
    "frame-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
};

/** A mail's own HTML holds under this even when its address is opened by itself. */
const FRAME_HEADERS = {
  ...COMMON,
  'content-security-policy': [
    'sandbox',
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
  ].join('; '),
};

export interface InboxPagesOptions {
  /** Said while nothing has arrived. */
  readonly emptyNote?: string;
}

type Handler = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** Express middleware: the list at `/`, a mail at `/inbox/:id`; the rest goes on to `next`. */
export function inboxPages(inbox: Inbox, options: InboxPagesOptions = {}): Handler {
  const { emptyNote = 'Nothing has arrived yet.' } = options;

  const pageAt = (path: string): Page | undefined => {
    if (path === '/') return page(listPage(inbox.list(), emptyNote));
    const [, id, part] = /^\/inbox\/(\d+)(?:\/(\w+))?$/.exec(path) ?? [];
    const mail = id === undefined ? undefined : inbox.get(Number(id));
    if (mail === undefined) return undefined;
    if (part === 'frame') return { body: mail.html ?? '', headers: FRAME_HEADERS };
    return part === undefined || isView(part) ? page(mailPage(mail, part)) : undefined;
  };

  return ({ method, url = '/' }, response, next) => {
    const found =
      method === 'GET' || method === 'HEAD' ? pageAt(url.replace(/\?.*/s, '')) : undefined;
    if (found) response.writeHead(200, found.headers).end(found.body);
    else next();
  };
}

interface Page {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

const page = (body: string): Page => ({ body, headers: PAGE_HEADERS });

const isView = (part: string): part is View => (VIEWS as readonly string[]).includes(part);

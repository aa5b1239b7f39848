import { INBOX_STYLE } from './inbox-style.js';
import type { InboxMail } from './inbox.js';
import { markup, type Markup } from './markup.js';

export const VIEWS = ['html', 'text', 'source'] as const;
export type View = (typeof VIEWS)[number];

const TAB_NAMES: Readonly<Record<View, string>> = { html: 'HTML', text: 'Text', source: 'Source' };

/** More of a text or a source than this many characters helps nobody and chokes the browser. */
const SHOWN = 200_000;

export function listPage(mails: readonly InboxMail[], emptyNote: string): string {
  const list =
    mails.length > 0
      ? markup`<ul class="card list">${mails.map(row)}</ul>`
      : markup`<p class="card empty quiet">${emptyNote}</p>`;
  return page('Inbox', markup`<h1>Inbox</h1>\n${list}`);
}

function row(mail: InboxMail): Markup {
  return markup`
<li><a href="/inbox/${mail.id}">
  <span class="transport">${mail.transport}</span>
  <span class="subject isolate">${subjectOf(mail)}</span>
  ${time(mail)}
  <span class="people quiet"><span class="isolate">${mail.from}</span> → <span class="isolate">${toOf(mail)}</span></span>
</a></li>`;
}

/** @param view Which part to show; left out, the best that the mail has. */
export function mailPage(mail: InboxMail, view?: View): string {
  const shown = view ?? (mail.html === undefined ? 'text' : 'html');
  return page(
    subjectOf(mail),
    markup`
<p><a href="/">← Inbox</a></p>
<h1 class="isolate">${subjectOf(mail)}</h1>
<dl>
  ${field('From', mail.from)}
  ${field('To', toOf(mail))}
  ${field('Delivered to', mail.recipients.join(', '))}
  <dt>Arrived</dt><dd>${time(mail)} over ${mail.transport}</dd>
  ${mail.attachments.map(({ filename, contentType, size }) =>
    field('Attached', `${filename} (${contentType}, ${size.toLocaleString('en')} bytes)`),
  )}
</dl>
<nav class="tabs">${VIEWS.map((name) => tab(mail, name, name === shown))}</nav>
${content(mail, shown)}`,
  );
}

function tab({ id }: InboxMail, view: View, current: boolean): Markup {
  const here = current ? markup` aria-current="page"` : '';
  return markup`<a href="/inbox/${id}/${view}"${here}>${TAB_NAMES[view]}</a>`;
}

function content(mail: InboxMail, view: View): Markup {
  if (view === 'html') {
    if (mail.html === undefined) return missing('This mail has no HTML part.');
    // An empty sandbox: no script, no form, no way out. The frame's own policy says so once more.
    return markup`<iframe sandbox src="/inbox/${mail.id}/frame" title="The mail’s HTML"></iframe>`;
  }
  const text = view === 'text' ? mail.text : mail.source;
  if (text === undefined) return missing('This mail has no text part.');
  // The parser drops one line end after <pre>, so that this one is not the mail's own.
  return markup`<pre class="card">\n${cut(text)}</pre>`;
}

function cut(text: string): string {
  if (text.length <= SHOWN) return text;
  return `${text.slice(0, SHOWN)}\n… ${(text.length - SHOWN).toLocaleString('en')} more characters`;
}

const missing = (note: string): Markup => markup`<p class="card empty quiet">${note}</p>`;

const subjectOf = (mail: InboxMail): string => mail.subject || '(no subject)';

const toOf = (mail: InboxMail): string => mail.to || 'undisclosed recipients';

const field = (name: string, value: string): Markup =>
  markup`<dt>${name}</dt><dd><span class="isolate">${value}</span></dd>`;

function time({ arrivedAt }: InboxMail): Markup {
  const clock = arrivedAt.toLocaleTimeString('en-GB');
  return markup`<time class="quiet" datetime="${arrivedAt.toISOString()}">${clock}</time>`;
}

/** The policy that `inbox-pages.ts` sends names the style by its hash: nothing may stand around it. */
function page(title: string, body: Markup): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${{ html: INBOX_STYLE }}</style>
</head>
<body>
${body}
</body>
</html>
`.html;
}

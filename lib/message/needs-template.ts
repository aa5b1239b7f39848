import type { Mail } from './mail.js';

/** Whether a mail says nothing by itself, so that only a provider's template can give it content. */
export function needsTemplate(mail: Mail): boolean {
  const { text, html, amp, icalEvent, attachments, subject, providerOptions } = mail;
  const bodies = [text, html, amp, icalEvent].filter((part) => part !== undefined);
  return (
    providerOptions !== undefined && subject === '' && bodies.length + attachments.length === 0
  );
}

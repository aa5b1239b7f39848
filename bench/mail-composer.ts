import MailComposer from 'nodemailer/lib/mail-composer';
import type { Mail } from '../lib/message/mail.js';

/** The same message by nodemailer: what the lean composer is measured and checked against. */
export async function composeByNodemailer(mail: Mail): Promise<Buffer> {
  const message = new MailComposer({
    from: mailbox(mail.from),
    sender: mail.sender && mailbox(mail.sender),
    to: mail.to.map(mailbox),
    cc: mail.cc.map(mailbox),
    replyTo: mail.replyTo.map(mailbox),
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    amp: mail.amp,
    icalEvent: mail.icalEvent && { ...mail.icalEvent },
    attachments: mail.attachments.map((file) => ({
      filename: file.filename,
      contentType: file.contentType,
      content: file.content,
      cid: file.cid,
      contentDisposition: file.disposition,
    })),
    headers: [...mail.headers, ...priorityHeaders(mail)].map(({ name, value }) => ({
      key: name,
      value,
    })),
    inReplyTo: mail.inReplyTo,
    references: [...mail.references],
    messageId: mail.messageId,
    date: new Date(mail.date ?? mail.createdAt),
    newline: 'windows',
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  return message.build();
}

function mailbox({ name = '', address }: Mail['from']): { name: string; address: string } {
  return { name, address };
}

function priorityHeaders({ priority }: Mail): { name: string; value: string }[] {
  if (priority !== 'high' && priority !== 'low') return [];
  const word = priority === 'high' ? 'High' : 'Low';
  return [
    { name: 'X-Priority', value: priority === 'high' ? '1 (Highest)' : '5 (Lowest)' },
    { name: 'X-MSMail-Priority', value: word },
    { name: 'Importance', value: word },
  ];
}

import type { PostmarkServer } from '../../sample/stand-ins/src/postmark-server.js';
import { startPostmarkServer } from '../../sample/stand-ins/src/postmark-server.js';
import type { ScriptedApi } from '../../sample/stand-ins/src/scripted-api.js';
import type { SendGridServer } from '../../sample/stand-ins/src/sendgrid-server.js';
import { startSendGridServer } from '../../sample/stand-ins/src/sendgrid-server.js';
import { postmark } from '../../lib/transports/web-api/postmark/postmark.manifest.js';
import { sendgrid } from '../../lib/transports/web-api/sendgrid/sendgrid.manifest.js';
import { acme } from '../fixtures/providers/acme/acme.manifest.js';
import { AcmeServer } from '../fixtures/providers/acme-server.js';
import { webApiProviderContract, type TakenMail } from './web-api-provider.js';

webApiProviderContract({
  manifest: sendgrid,
  key: 'SG.stand-in',
  start: () => startSendGridServer(),
  taken: (server) => (server as SendGridServer).accepted.flatMap(takenBySendGrid),
  refusal: {
    status: 400,
    body: { errors: [{ message: 'Invalid type.', field: 'content.0.type' }] },
    words: 'Invalid type. (content.0.type)',
  },
});

webApiProviderContract({
  manifest: postmark,
  key: 'postmark-stand-in',
  start: () => startPostmarkServer(),
  taken: (server: ScriptedApi) => (server as PostmarkServer).accepted.map(takenByPostmark),
  refusal: {
    status: 422,
    body: { ErrorCode: 411, Message: 'Forbidden attachment types: exe' },
    words: 'Forbidden attachment types: exe',
  },
});

// One folder, and a line where the app names it.
webApiProviderContract({
  manifest: acme,
  own: true,
  key: 'ak_stand_in',
  start: () => AcmeServer.start(),
  taken: (server) => (server as AcmeServer).accepted.map(takenByAcme),
  refusal: { status: 422, body: { error: 'to is missing' }, words: 'to is missing' },
});

function takenByAcme({ id, mail }: AcmeServer['accepted'][number]): TakenMail {
  const { to, cc, bcc, subject, text, files } = mail;
  return {
    id,
    messageId: mail.headers.find(({ name }) => name === 'Message-ID')?.value,
    recipients: [...to, ...cc, ...bcc].map(({ address }) => address),
    subject,
    text,
    files: files.map(({ name, base64 }) => ({ name, base64 })),
  };
}

function takenBySendGrid({ id, mail }: SendGridServer['accepted'][number]): TakenMail[] {
  return mail.personalizations.map(({ to, cc = [], bcc = [] }) => ({
    id,
    messageId: mail.headers?.['Message-ID'],
    recipients: [...to, ...cc, ...bcc].map(({ email }) => email),
    subject: mail.subject,
    text: mail.content?.find(({ type }) => type === 'text/plain')?.value,
    files: (mail.attachments ?? []).map(({ filename, content }) => ({
      name: filename,
      base64: content,
    })),
  }));
}

function takenByPostmark({ id, mail }: PostmarkServer['accepted'][number]): TakenMail {
  const everyone = [mail.To, mail.Cc, mail.Bcc].filter(Boolean).join(', ');
  return {
    id,
    messageId: mail.Headers?.find(({ Name }) => Name === 'Message-ID')?.Value,
    recipients: everyone.split(', ').map((one) => /<(.+)>$/.exec(one)?.[1] ?? one),
    subject: mail.Subject,
    text: mail.TextBody,
    files: (mail.Attachments ?? []).map(({ Name, Content }) => ({ name: Name, base64: Content })),
  };
}

import { describe, expect, it } from '@jest/globals';
import type { MailMessage } from '../../../lib/message/message.js';
import type { SendGridMessageOptions } from '../../../lib/transports/web-api/sendgrid/sendgrid-message.options.js';
import { SendGridProvider } from '../../../lib/transports/web-api/sendgrid/sendgrid.provider.js';
import { isFault } from '../../../lib/transports/web-api/web-api.provider.js';
import { checkMailSend } from '../../../sample/stand-ins/src/sendgrid-rules.js';
import { testMail } from '../../fixtures/mail.js';

const provider = new SendGridProvider({
  apiKey: 'SG.key',
  baseUrl: new URL('https://api.eu.sendgrid.com'),
  sandbox: false,
  onBehalfOf: 'subuser',
});

const requestOf = (sendgrid: object, message: MailMessage = {}, by = provider) =>
  by.request(testMail({ to: ['a@x.test', 'b@x.test'], ...message, providerOptions: { sendgrid } }));

function sent(sendgrid: SendGridMessageOptions, message?: MailMessage, by?: SendGridProvider) {
  const request = requestOf(sendgrid, message, by);
  if (isFault(request)) throw new Error(request.message);
  const body = JSON.parse(String(request.body)) as Record<string, unknown>;
  expect(checkMailSend(body)).toEqual([]);
  return { request, body };
}

const two = (first: object, second: object = {}) => ({
  personalizations: [
    { to: ['a@x.test'], ...first },
    { to: ['b@x.test'], ...second },
  ],
});

describe('providerOptions.sendgrid', () => {
  const soon = new Date(Date.now() + 73 * 3_600_000);

  it.each<[string, object, string]>([
    ['an unknown key', { templatId: 'd-1' }, 'sendgrid.templatId`. Did you mean `templateId`?'],
    ['a key of Object.prototype', { constructor: 1 }, 'sendgrid.constructor'],
    ['a setting of nobody', { mailSettings: { foter: {} } }, 'mailSettings.foter'],
    [
      'the sandbox',
      { mailSettings: { sandboxMode: { enable: true } } },
      'mailSettings.sandboxMode',
    ],
    ['a switch in words', { trackingSettings: { openTracking: { enable: 'yes' } } }, 'enable'],
    ['a switch left out', { mailSettings: { footer: { text: 'a' } } }, 'footer.enable'],
    ['a number as text', { mailSettings: { footer: { enable: true, text: 1 } } }, 'footer.text'],
    [
      'a bypass of everything beside another',
      {
        mailSettings: {
          bypassListManagement: { enable: true },
          bypassSpamManagement: { enable: true },
        },
      },
      'mailSettings',
    ],
    ['no group', { asm: {} }, 'asm.groupId'],
    ['26 groups', { asm: { groupId: 1, groupsToDisplay: Array(26).fill(1) } }, 'groupsToDisplay'],
    ['a group in words', { asm: { groupId: 1, groupsToDisplay: ['a'] } }, 'groupsToDisplay'],
    ['a short pool', { ipPoolName: 'a' }, 'ipPoolName'],
    ['a long pool', { ipPoolName: 'a'.repeat(65) }, 'ipPoolName'],
    ['a number in sections', { sections: { a: 1 } }, 'sections'],
    ['substitutions beside a dynamic template', { templateId: 'd-1', substitutions: {} }, 'subst'],
    ['long substitutions', { substitutions: { a: 'ä'.repeat(5000) } }, 'substitutions'],
    ['data without a template', { dynamicTemplateData: {} }, 'dynamicTemplateData'],
    ['data of a legacy one', { templateId: '1', dynamicTemplateData: {} }, 'dynamicTemplateData'],
    ['data in words', { templateId: 'd-1', dynamicTemplateData: 'a' }, 'dynamicTemplateData'],
    ['CRLF in a subuser', { onBehalfOf: 'a\r\nx: y' }, 'onBehalfOf'],
    ['a Unicode subuser', { onBehalfOf: 'ä' }, 'onBehalfOf'],
    ['no versions', { personalizations: [] }, 'personalizations'],
    ['a version without to', two({ to: [] }), 'personalizations[0].to'],
    ['a version for a stranger', two({ to: ['c@x.test'] }), 'personalizations[0].to'],
    ['a recipient twice', two({ cc: ['b@x.test'] }), 'personalizations[1].to'],
    ['a recipient left out', { personalizations: [{ to: ['a@x.test'] }] }, 'personalizations'],
    ['a bad from of a version', two({ from: 'a' }), 'personalizations[0].from'],
    ['null as from', two({ from: null }), 'personalizations[0].from'],
    ['a reserved header', two({}, { headers: { Subject: 'a' } }), 'personalizations[1].headers'],
    ['a forged header', two({ headers: { 'X-A': 'a\r\nb: c' } }), 'personalizations[0].headers'],
    ['a late version', two({ sendAt: soon }), 'personalizations[0].sendAt'],
    ['an unknown key of a version', two({ customArg: {} }), 'Did you mean `customArgs`'],
    [
      'long substitutions together',
      {
        substitutions: { a: 'x'.repeat(6000) },
        ...two({ substitutions: { b: 'x'.repeat(6000) } }),
      },
      'personalizations[0].substitutions',
    ],
    [
      'long custom arguments',
      two({ customArgs: { b: 'x'.repeat(10_000) } }),
      'personalizations[0].customArgs',
    ],
  ])('refuses %s before sending', (_, sendgrid, words) => {
    expect(requestOf(sendgrid)).toMatchObject({
      code: 'MAIL_UNSUPPORTED',
      disposition: 'permanent',
      fault: 'message',
      stage: 'request',
      message: expect.stringContaining(words),
    });
    expect(requestOf(sendgrid)).toHaveProperty(
      'message',
      expect.stringContaining('providerOptions.sendgrid'),
    );
  });

  it('lets a template bring subject and content', () => {
    const template = { templateId: 'd-1', dynamicTemplateData: { user: { name: 'Jo' } } };
    const { body } = sent(template, { subject: undefined, text: undefined });
    expect(body).toMatchObject({
      template_id: 'd-1',
      personalizations: [{ dynamic_template_data: { user: { name: 'Jo' } } }],
    });
    expect(body).not.toHaveProperty('subject');
    expect(body).not.toHaveProperty('content');
    // Without the template that is no mail.
    expect(requestOf({ batchId: 'a' }, { subject: undefined, text: undefined })).toMatchObject({
      message: expect.stringContaining('`subject`'),
    });
  });

  it('lets each version bring its subject', () => {
    const { body } = sent(two({ subject: 'A' }, { subject: 'B' }), { subject: undefined });
    expect(body).toMatchObject({ personalizations: [{ subject: 'A' }, { subject: 'B' }] });
  });

  it('sends for the subuser of the mail, else of the transport', () => {
    expect(sent({}).request.headers).toHaveProperty('on-behalf-of', 'subuser');
    expect(sent({ onBehalfOf: 'account-id 17' }).request.headers).toHaveProperty(
      'on-behalf-of',
      'account-id 17',
    );
    expect(provider.verifyRequest().headers).toHaveProperty('on-behalf-of', 'subuser');
    expect(provider.origin).toBe('https://api.eu.sendgrid.com');
  });

  it('keeps the mail’s settings in the sandbox', () => {
    const sandbox = new SendGridProvider({
      apiKey: 'SG.key',
      baseUrl: new URL('https://api.sendgrid.com'),
      sandbox: true,
    });
    const footer = { enable: true, text: 'a' };
    expect(sent({ mailSettings: { footer } }, {}, sandbox).body['mail_settings']).toEqual({
      footer,
      sandbox_mode: { enable: true },
    });
    expect(sent({}, {}, sandbox).request.headers).not.toHaveProperty('on-behalf-of');
  });

  it('passes over the settings of other providers', () => {
    const mail = testMail({ providerOptions: { another: { anything: [1] } } });
    expect(isFault(provider.request(mail))).toBe(false);
  });
});

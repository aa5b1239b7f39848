import fc from '../../fixtures/fast-check.js';
import type { MailMessage } from '../../../lib/message/message.js';
import type {
  SendGridMessageOptions,
  SendGridPersonalization,
} from '../../../lib/transports/web-api/sendgrid/sendgrid-message.options.js';
import { sendableMessages } from './messages.js';

const words = fc.stringMatching(/^[a-zA-Z0-9 ,.!ä€-]{1,40}$/);
const key = fc.stringMatching(/^[a-z][a-zA-Z0-9_]{0,10}$/);
const strings = fc.dictionary(
  key.map((name) => `-${name}-`),
  words,
  { minKeys: 1, maxKeys: 4 },
);
const flat = fc.dictionary(key, fc.oneof(words, fc.integer(), fc.boolean(), fc.constant(null)), {
  minKeys: 1,
  maxKeys: 4,
});
const nested = fc.record({
  user: flat,
  items: fc.array(flat, { maxLength: 3 }),
  total: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
});
const enable = fc.boolean();
const mailSettings = fc.record(
  {
    bypassSpamManagement: fc.record({ enable }),
    bypassBounceManagement: fc.record({ enable }),
    bypassUnsubscribeManagement: fc.record({ enable }),
    footer: fc.record({ enable, text: words, html: words }),
  },
  { requiredKeys: ['footer'] },
);
const trackingSettings = fc.record(
  {
    clickTracking: fc.record({ enable, enableText: fc.boolean() }),
    openTracking: fc.record({ enable, substitutionTag: words }),
    subscriptionTracking: fc.record({ enable, text: words, html: words, substitutionTag: words }),
    ganalytics: fc.record({
      enable,
      utmSource: words,
      utmMedium: words,
      utmTerm: words,
      utmContent: words,
      utmCampaign: words,
    }),
  },
  { requiredKeys: ['clickTracking'] },
);
const common = {
  sections: strings,
  batchId: fc.stringMatching(/^[A-Za-z0-9]{10,30}$/),
  asm: fc.record(
    {
      groupId: fc.nat(),
      groupsToDisplay: fc.array(fc.nat(), { minLength: 1, maxLength: 25 }),
    },
    { requiredKeys: ['groupId'] },
  ),
  ipPoolName: fc.stringMatching(/^[a-z]{2,64}$/),
  mailSettings,
  trackingSettings,
};
const options: fc.Arbitrary<SendGridMessageOptions> = fc.oneof(
  fc.record({ ...common, substitutions: strings }, { requiredKeys: [] }),
  fc.record({ ...common, substitutions: strings, templateId: fc.uuid() }, { requiredKeys: [] }),
  fc.record(
    { ...common, templateId: fc.uuid().map((id) => `d-${id}`), dynamicTemplateData: nested },
    { requiredKeys: ['templateId'] },
  ),
);

const version = fc.record(
  {
    subject: words,
    from: fc.constant('other@example.com'),
    substitutions: strings,
    headers: fc.constant({ 'X-Version': 'ä' }),
    customArgs: fc.dictionary(key, words, { minKeys: 1, maxKeys: 2 }),
    sendAt: fc.constant('2026-11-24T00:00:00Z'),
  },
  { requiredKeys: [] },
);

/** Messages with settings of SendGrid's own, some of them in several versions. */
export function optionMessages(now: number): fc.Arbitrary<MailMessage> {
  return fc
    .tuple(sendableMessages(now), options, fc.boolean(), fc.array(version, { minLength: 12 }))
    .map(([message, sendgrid, split, versions]) => {
      const dynamic = sendgrid.templateId?.startsWith('d-') === true;
      const personalizations = split && !dynamic ? versionsOf(message, versions) : undefined;
      return {
        ...message,
        providerOptions: {
          sendgrid: { ...sendgrid, ...(personalizations && { personalizations }) },
        },
      };
    });
}

/** One version for each of `to`; cc and bcc go with the first. */
function versionsOf(
  message: MailMessage,
  versions: readonly Partial<SendGridPersonalization>[],
): SendGridPersonalization[] {
  const addresses = (list: unknown): string[] =>
    ((list ?? []) as { address: string }[]).map(({ address }) => address);
  return addresses(message.to).map((address, index) => ({
    to: [address],
    ...(index === 0 && { cc: addresses(message.cc), bcc: addresses(message.bcc) }),
    ...versions[index % versions.length],
  }));
}

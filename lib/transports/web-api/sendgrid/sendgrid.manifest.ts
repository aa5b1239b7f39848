import { flag, headerText, secret } from '../own-options.js';
import type { ManifestOf } from '../web-api.manifest.js';
import { SENDGRID_MESSAGE_OPTIONS } from './sendgrid-message.options.js';
import { MAX_PERSONALIZATIONS, SUBUSER } from './sendgrid.options.js';

export type {
  SendGridMailSettings,
  SendGridMessageOptions,
  SendGridPersonalization,
  SendGridSwitch,
  SendGridTemplateData,
  SendGridTrackingSettings,
} from './sendgrid-message.options.js';
export type { SendGridTransportOptions } from './sendgrid.options.js';

/** SendGrid's v3 Web API (https://www.twilio.com/docs/sendgrid/api-reference/mail-send). */
export const sendgrid: ManifestOf<'sendgrid'> = {
  name: 'sendgrid',
  title: 'SendGrid',
  host: 'api.sendgrid.com',
  otherHosts: { 'api.eu.sendgrid.com': 'accounts in the EU region' },
  url: { form: 'sendgrid://KEY@api.sendgrid.com', user: 'apiKey' },
  options: {
    apiKey: secret('a key with the scope `mail.send`'),
    sandbox: flag('SendGrid checks the mail and sends nothing'),
    onBehalfOf: headerText('the subuser, or `account-id …`, to send for', SUBUSER),
  },
  messageOptions: SENDGRID_MESSAGE_OPTIONS,
  bulkSize: MAX_PERSONALIZATIONS,
  load: () => import('./sendgrid.provider.js'),
};

import { secret } from '../own-options.js';
import type { ManifestOf } from '../web-api.manifest.js';
import { POSTMARK_MESSAGE_OPTIONS } from './postmark-message.options.js';
import { MAX_BATCH } from './postmark.options.js';

export type { PostmarkMessageOptions } from './postmark-message.options.js';
export type { PostmarkTransportOptions } from './postmark.options.js';

/** Postmark's email API (https://postmarkapp.com/developer/api/email-api). */
export const postmark: ManifestOf<'postmark'> = {
  name: 'postmark',
  title: 'Postmark',
  host: 'api.postmarkapp.com',
  url: { form: 'postmark://TOKEN@api.postmarkapp.com', user: 'apiKey' },
  options: { apiKey: secret('the server token') },
  messageOptions: POSTMARK_MESSAGE_OPTIONS,
  bulkSize: MAX_BATCH,
  load: () => import('./postmark.provider.js'),
};

import { describe, expect, it } from '@jest/globals';
import { readEvents } from '../../../lib/webhooks/sendgrid-events.js';
import { signatureFault } from '../../../lib/webhooks/signature.js';
import { readWebhooksOptions } from '../../../lib/webhooks/webhooks.options.js';

interface Vector {
  readonly key: string;
  readonly signature: string;
  readonly timestamp: string;
  readonly events: readonly object[];
}

/** The test vectors of @sendgrid/eventwebhook, with what they expect. */
const single: Vector = {
  key: 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==',
  signature:
    'MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=',
  timestamp: '1600112502',
  events: [
    {
      email: 'hello@world.com',
      event: 'dropped',
      reason: 'Bounced Address',
      sg_event_id: 'ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA',
      sg_message_id: 'LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0',
      'smtp-id': '<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>',
      timestamp: 1600112492,
    },
  ],
};
const several: Vector = {
  key: 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQ4LIFtWztlsF7skFqOncjD1lun4H5w8XOhyOArHW9RcIx/FfEzx6cikC/yPfUvwaX/JScE7Fc9CJD2afQ9Ok3Q==',
  signature:
    'MEYCIQC/I4o6vCgqRYrTljjoVWB/GRWNtxeePlLMHr3x9ETeRQIhAIpV+03nREPTTHWSW0wIOA0EoMPdcNgXa70yCaqDJlu5',
  timestamp: '1619651159',
  events: [
    {
      email: 'invalid@gmail.com',
      event: 'processed',
      send_at: 0,
      sg_event_id: 'cHJvY2Vzc2VkLTE5OTQyMTEyLXFOd0JMZ1BRUWpXNkRKdktRd1NBYnctMA',
      sg_message_id: 'qNwBLgPQQjW6DJvKQwSAbw.filterdrecv-canary-547b64655b-cw6zx-1-6089EA4A-56.0',
      'smtp-id': '<qNwBLgPQQjW6DJvKQwSAbw@ismtpd0178p1mdw1.sendgrid.net>',
      timestamp: 1619651146,
    },
    {
      email: 'invalid@gmail.com',
      event: 'bounce',
      ip: '167.89.101.76',
      reason:
        '552 5.2.2 The email account that you tried to reach is over quota and inactive. Please direct the recipient to https://support.google.com/mail/?p=OverQuotaPerm c17si1130468pgv.34 - gsmtp',
      sg_event_id: 'Ym91bmNlLTAtMTk5NDIxMTItcU53QkxnUFFRalc2REp2S1F3U0Fidy0w',
      sg_message_id: 'qNwBLgPQQjW6DJvKQwSAbw.filterdrecv-canary-547b64655b-cw6zx-1-6089EA4A-56.0',
      'smtp-id': '<qNwBLgPQQjW6DJvKQwSAbw@ismtpd0178p1mdw1.sendgrid.net>',
      status: '5.2.2',
      timestamp: 1619651147,
      tls: 1,
      type: 'blocked',
    },
  ],
};

const textOf = (events: readonly object[]): string =>
  `${JSON.stringify(events).split('},{').join('},\r\n{')}\r\n`;

function faultOf(vector: Vector, text = textOf(vector.events), change: object = {}) {
  const { key } = readWebhooksOptions({ publicKey: vector.key });
  const { signature, timestamp } = { ...vector, ...change };
  const now = Number(vector.timestamp) * 1000;
  return signatureFault({ body: Buffer.from(text), signature, timestamp }, key, now, 1000);
}

describe('the vectors of @sendgrid/eventwebhook', () => {
  it('pass', () => {
    expect(faultOf(single)).toBeUndefined();
    expect(faultOf(several)).toBeUndefined();
  });

  it('fail with another key, payload, signature or timestamp', () => {
    const other = `MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj+y7GjUuFDb/R1NGe1OPzpA==`;
    expect(faultOf({ ...single, key: other })).toMatch('does not match');
    expect(faultOf(single, 'payload')).toMatch('does not match');
    expect(faultOf(single, textOf(single.events).trim())).toMatch('does not match');
    expect(faultOf(single, undefined, { signature: several.signature })).toMatch('does not match');
    expect(faultOf(single, undefined, { timestamp: '1600112503' })).toMatch('does not match');
    expect(faultOf(single, undefined, { timestamp: undefined })).toMatch('not signed');
  });

  it('are events that we know', () => {
    const [dropped] = readEvents(textOf(single.events), 0)?.events ?? [];
    expect(dropped).toMatchObject({
      kind: 'dropped',
      recipient: 'hello@world.com',
      remoteId: 'LRzXl_NHStOGhQ4kofSm_A',
      metadata: {},
    });
    const kinds = readEvents(textOf(several.events), 0)?.events.map(({ kind }) => kind);
    expect(kinds).toEqual(['processed', 'blocked']);
  });

  it('passes over what is about the account, not a mail, and reads the rest', () => {
    const account = {
      event: 'account_status_change',
      sg_event_id: 'MjEzNTg5OTcyOC10ZXJtaW5hdGUtMTcwNzg1MTUzMQ',
      timestamp: 1709142428,
      type: 'compliance_suspend',
    };
    const read = readEvents(textOf([account, ...single.events]), 0);
    expect(read?.events.map(({ kind }) => kind)).toEqual(['dropped']);
    expect(readEvents(textOf([account]), 0)).toEqual({ events: [], unread: 0 });
  });
});

import { afterEach, describe, expect, it } from '@jest/globals';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import { testMail } from '../../fixtures/mail.js';
import { ScriptedSmtpServer } from '../../fixtures/scripted-smtp-server.js';

let server: ScriptedSmtpServer;
let transport: SmtpTransport;

afterEach(async () => {
  await transport.destroy();
  await server.close();
});

describe('a mail over SMTP', () => {
  it('arrives, and its delivery tells what the server said', async () => {
    server = await ScriptedSmtpServer.start();
    transport = new SmtpTransport({ host: server.host, port: server.port, name: 'client.test' });
    const mail = testMail({ to: ['a@example.net', 'b@example.net'], bcc: 'c@example.net' });
    const delivery = await transport.deliver(mail);
    expect(delivery).toEqual({
      transport: `smtp:127.0.0.1:${server.port}`,
      accepted: ['a@example.net', 'b@example.net', 'c@example.net'],
      rejected: [],
      response: '250 2.0.0 queued as 1',
      remoteId: '1',
    });
    const [message] = server.messages;
    expect(message).toMatchObject({ from: 'sender@example.com', to: delivery.accepted });
    expect(message!.content.toString()).toContain(`Message-ID: ${mail.messageId}\r\n`);
    expect(message!.content.toString()).not.toContain('c@example.net');
    expect(server.commands[0]).toBe('EHLO client.test');
  });

  it('uses one connection for mails in a row, and QUITs on close', async () => {
    server = await ScriptedSmtpServer.start();
    transport = new SmtpTransport({ host: server.host, port: server.port });
    for (let i = 0; i < 3; i += 1) await transport.deliver(testMail());
    await transport.verify();
    await transport.close();
    expect(server.connections).toHaveLength(1);
    expect(server.connections[0]!.quit).toBe(true);
    expect(server.messages).toHaveLength(3);
  });
});

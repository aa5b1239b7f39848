import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inboxPages } from '../../../sample/stand-ins/src/inbox-pages.js';
import { Inbox, type ArrivedMail } from '../../../sample/stand-ins/src/inbox.js';

let inbox: Inbox;
let server: Server;
let url: string;
beforeEach(async () => {
  inbox = new Inbox();
  const pages = inboxPages(inbox, { emptyNote: 'Nothing & nobody.' });
  server = createServer((request, response) => {
    pages(request, response, () => response.writeHead(404).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const HOSTILE = `</pre><script>"x" & 'y'</script>`;
const ESCAPED = '&lt;/pre&gt;&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;';

const MAIL: ArrivedMail = {
  transport: 'SMTP',
  from: HOSTILE,
  to: HOSTILE,
  recipients: [HOSTILE],
  subject: HOSTILE,
  text: HOSTILE,
  html: HOSTILE,
  attachments: [{ filename: HOSTILE, contentType: HOSTILE, size: 1234 }],
  source: HOSTILE,
};

async function get(path: string) {
  const response = await fetch(url + path);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

describe('the inbox pages', () => {
  it('say so while nothing has arrived', async () => {
    expect((await get('/')).body).toContain('Nothing &amp; nobody.');
  });

  it.each(['/', '/inbox/1', '/inbox/1/html', '/inbox/1/text', '/inbox/1/source'])(
    'escape whatever a mail holds on %s',
    async (path) => {
      inbox.add(MAIL);
      const { status, body } = await get(path);
      expect(status).toBe(200);
      expect(body).toContain(ESCAPED);
      expect(body).not.toContain('<script');
    },
  );

  it('send a mail’s own html only under a policy that runs nothing', async () => {
    inbox.add(MAIL);
    const { headers, body } = await get('/inbox/1/frame');
    expect(body).toBe(HOSTILE);
    expect(headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none'; /);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('cut what would choke the browser', async () => {
    inbox.add({ ...MAIL, source: 'x'.repeat(1_000_000) });
    const { body } = await get('/inbox/1/source');
    expect(body.length).toBeLessThan(210_000);
    expect(body).toContain('… 800,000 more characters');
  });

  it.each(['/inbox/2', '/inbox/1/other', '/inbox/1/frame/x', '/inbox/x', '/other'])(
    'leave %s to others',
    async (path) => {
      inbox.add(MAIL);
      expect((await get(path)).status).toBe(404);
    },
  );
});

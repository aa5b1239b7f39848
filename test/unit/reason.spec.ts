import { connect, type LookupFunction } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { reasonOf, messageOf } from '../../lib/base/reason.js';
import { closedPort } from '../fixtures/dropped-port.js';
import { fault } from '../fixtures/scripted-transport.js';

describe('messageOf', () => {
  it('says why each address of a host was refused, for which Node has no words of its own', async () => {
    const port = await closedPort();
    const lookup: LookupFunction = (_host, _options, found) => {
      found(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 },
      ]);
    };
    const refused = await new Promise((resolve) => {
      connect({ host: 'two.test', port, autoSelectFamily: true, lookup }).on('error', resolve);
    });
    expect(refused).toHaveProperty('message', '');
    expect(messageOf(refused)).toBe(
      `connect ECONNREFUSED 127.0.0.1:${port}; connect ECONNREFUSED 127.0.0.2:${port}`,
    );
  });

  it.each([undefined, null, 'text', 7, {}, { message: 7 }, new Error('')])(
    'has nothing to tell of %p',
    (error) => expect(messageOf(error)).toBe(''),
  );
});

describe('reasonOf', () => {
  it('is one for one fault in changing words', () => {
    const busy = (message: string) => fault({ code: 'MAIL_SERVICE', smtpCode: 421, message });
    expect(reasonOf(busy('421 in 7 s'))).toBe(reasonOf(busy('421 in 6 s')));
    expect(reasonOf(busy('421'))).not.toBe(reasonOf(fault({ code: 'MAIL_AUTH', smtpCode: 535 })));
  });
});

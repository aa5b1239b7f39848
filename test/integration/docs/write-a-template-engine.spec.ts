import { afterAll, describe, expect, it } from '@jest/globals';
import { docApp } from '../../fixtures/doc-app.js';

const app = docApp('docs/guides/write-a-template-engine.md');
afterAll(app.remove);

describe('the guide to a template engine of one’s own', () => {
  it('builds an engine that works beside another', async () => {
    const [hello, other, error] = (await app.run('app.ts')).trim().split('\n');
    expect(JSON.parse(hello!)).toEqual({
      subject: 'Hi Jo & Co',
      html: '<p style="color: red;">Hello Jo &amp; Co</p>',
      text: 'Hello Jo & Co',
    });
    expect(JSON.parse(other!)).toMatchObject({ subject: 'Other', html: '<p>Jo &amp; Co</p>' });
    expect(error).toMatch(/MailTemplateError: .*hello\.dollar:2\): the variable `name` is missing/);
  }, 60_000);
});

import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  MailModule,
  MailService,
  MailTemplateError,
  MailValidationError,
  MemoryTransport,
  parseMail,
  withMailLocale,
  type TemplatesOptions,
} from '../../../lib/index.js';
import { failureOf, folderOf, removeFolders } from '../../unit/templates/support.js';

let app: TestingModule | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(removeFolders);

async function start(files: Record<string, string | Buffer>, options: TemplatesOptions = {}) {
  const outbox = new MemoryTransport();
  app = await Test.createTestingModule({
    imports: [
      MailModule.forRoot({
        transport: outbox,
        defaults: { from: 'shop@example.com' },
        templates: { dir: folderOf(files), ...options },
      }),
    ],
  }).compile();
  await app.init();
  return { mail: app.get(MailService), outbox };
}

const files = {
  'welcome.hbs': '---\nsubject: Hi {{name}}\n---\n<p>Hello {{name}}</p><img src="cid:logo.png">',
  'welcome.pt.hbs': '---\nsubject: Oi {{name}}\n---\n<p>Bem-vindo {{name}}</p>',
  'logo.png': Buffer.from('PNG'),
};
const to = 'jo@example.com';

describe('send with a template', () => {
  it('makes a mail that needs no template any more', async () => {
    const { mail, outbox } = await start(files);
    const message = Object.freeze({ to, template: 'welcome', context: { name: 'Jo' } });
    const receipt = await mail.send(message);
    const [sent] = outbox.mails;
    expect(sent).toMatchObject({
      id: receipt.id,
      subject: 'Hi Jo',
      html: '<p>Hello Jo</p><img src="cid:logo.png">',
      text: 'Hello Jo',
      attachments: [{ cid: 'logo.png', disposition: 'inline', contentType: 'image/png' }],
    });
    expect(parseMail(JSON.stringify(sent))).toEqual(sent);
    expect(await mail.render(message)).toMatchObject({ subject: 'Hi Jo' });
  });

  it('lets the message win over its template', async () => {
    const { mail, outbox } = await start(files);
    await mail.send({
      to,
      template: 'welcome',
      context: { name: 'Jo' },
      subject: 'Own',
      text: 'own',
      attachments: [{ cid: 'logo.png', content: 'mine' }],
    });
    expect(outbox.mails[0]).toMatchObject({ subject: 'Own', text: 'own' });
    expect(outbox.mails[0]?.attachments.map(({ content }) => content.toString())).toEqual(['mine']);
  });

  it('refuses to show an image that does not go with the mail', async () => {
    const { mail, outbox } = await start({
      'a.hbs': '{{#if x}}<img src="cid:lost%40x.png">{{/if}}<p>cid:prose.png {{y}}</p>',
      'b.hbs': '<style>p { background: url(cid:back.png) }</style><p>x</p>',
      'c.hbs': '<img src="{{logo}}">',
    });
    const y = '="cid:data.png url(cid:data.png)';
    await mail.send({ to, template: 'a', context: { x: false, y } });
    const lost = { to, template: 'a', context: { x: true, y } };
    const error = await failureOf(mail.send(lost));
    expect(error).toBeInstanceOf(MailTemplateError);
    expect(error.message).toMatch(/`cid:lost%40x\.png`, and no image goes with it\. Put the file/);
    await mail.send({ ...lost, attachments: [{ cid: 'lost@x.png', content: 'PNG' }] });
    await expect(mail.send({ to, template: 'b' })).rejects.toThrow(/cid:back\.png/);
    await expect(
      mail.send({ to, template: 'c', context: { logo: 'cid:gone.png' } }),
    ).rejects.toThrow(/cid:gone\.png/);
    expect(outbox.mails).toHaveLength(2);
  });

  it('takes the locale from the message, the caller or the options, when it is called', async () => {
    const { mail, outbox } = await start(files, { locale: () => 'pt-PT' });
    const message = { to, template: 'welcome', context: { name: 'Jo' } };
    await mail.send(message);
    await mail.send({ ...message, locale: 'en' });
    await withMailLocale('en', () => mail.send(message));
    const late = withMailLocale('pt-BR', () => mail.send(message));
    await late;
    expect(outbox.mails.map(({ subject }) => subject)).toEqual([
      'Oi Jo',
      'Hi Jo',
      'Hi Jo',
      'Oi Jo',
    ]);
  });

  it.each([
    [
      'a line break in a subject',
      { template: 'welcome', context: { name: 'a\r\nBcc: x@y.z' } },
      'subject',
    ],
    ['html beside it', { template: 'welcome', context: { name: 'a' }, html: 'x' }, 'html'],
    ['a context that is none', { template: 'welcome', context: 'x' }, 'context'],
    ['a name that is none', { template: 7, context: {} }, 'template'],
    ['a locale that is a path', { template: 'welcome', context: {}, locale: '../../x' }, 'locale'],
    ['a context without a template', { text: 'x', context: {} }, 'context'],
  ])('refuses %s', async (_what, fields, path) => {
    const { mail, outbox } = await start(files);
    const error = await failureOf(mail.send({ to, ...fields } as never));
    expect(error).toBeInstanceOf(MailValidationError);
    expect((error as unknown as MailValidationError).issues.map((issue) => issue.path)).toEqual([
      path,
    ]);
    expect(outbox.mails).toEqual([]);
  });

  it('refuses what the template cannot do, before anything is sent', async () => {
    const { mail, outbox } = await start(files);
    await expect(mail.send({ to, template: 'welcome', context: {} })).rejects.toThrow(
      /welcome\.hbs:4\): the variable `name`/,
    );
    await expect(mail.send({ to, template: 'welcom', context: {} })).rejects.toThrow(
      MailTemplateError,
    );
    expect(outbox.mails).toEqual([]);
  });

  it('says which option is missing when there are no templates at all', async () => {
    app = await Test.createTestingModule({
      imports: [MailModule.forRoot({ transport: 'memory:' })],
    }).compile();
    await expect(app.get(MailService).send({ to, template: 'x' })).rejects.toThrow(
      /template: is an unknown field. Set the option `templates`/,
    );
  });

  it('stops the boot at a template that does not compile, with file and line', async () => {
    await expect(start({ 'a.hbs': '\n{{#if x}}' })).rejects.toThrow(
      /a\.hbs:2\): it does not parse/,
    );
  });
});

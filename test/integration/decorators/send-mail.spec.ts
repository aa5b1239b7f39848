import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, Scope, SetMetadata, type Provider } from '@nestjs/common';
import { ContextIdFactory } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  draft,
  MailConfigurationError,
  MailModule,
  MailTemplateError,
  MemoryTransport,
  SendMail,
  type SentMail,
} from '../../../lib/index.js';
import { failureOf, folderOf, removeFolders } from '../../unit/templates/support.js';

const dir = folderOf({ 'welcome.hbs': '---\nsubject: Hi {{name}}\n---\n<p>{{name}}</p>' });
const to = 'jo@example.com';
let app: TestingModule | undefined;
let outbox: MemoryTransport;
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(removeFolders);

async function start(providers: Provider[], name?: string) {
  outbox = new MemoryTransport();
  app = await Test.createTestingModule({
    imports: [
      MailModule.forRoot({
        name,
        transport: outbox,
        defaults: { from: 'shop@example.com' },
        templates: { dir },
      }),
    ],
    providers,
  }).compile();
  await app.init();
  return app;
}
const subjects = () => outbox.mails.map(({ subject }) => subject);

@Injectable()
class Singleton {
  @SendMail({ template: 'welcome', tags: ['hello'] })
  welcome(name: string): SentMail<'welcome'> {
    return draft({ to, context: { name } });
  }

  @SendMail({ template: 'welcome' })
  async slowly(name: string): SentMail<'welcome'> {
    await Promise.resolve();
    return draft({ to, context: { name }, subject: 'slow' });
  }

  @SendMail({ subject: 'plain' })
  plain(): SentMail {
    return draft({ to, text: 'x' });
  }

  @SendMail()
  forgetful(): SentMail {
    return undefined as never;
  }

  undecorated(): SentMail {
    return draft({ to, text: 'x' });
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest extends Singleton {}

@Injectable({ scope: Scope.TRANSIENT })
class Transient extends Singleton {}

@Injectable()
class Child extends Singleton {
  @SendMail({ template: 'welcome', tags: ['child'] })
  override welcome(name: string): SentMail<'welcome'> {
    return super.welcome(`${name} of the child`);
  }

  override plain(): SentMail {
    return super.plain();
  }
}

describe('@SendMail', () => {
  it('sends what the method writes, and answers the receipt', async () => {
    const mails = (await start([Singleton])).get(Singleton);
    const receipt = await mails.welcome('Jo');
    expect(receipt).toMatchObject({ status: 'sent', accepted: [to], id: outbox.mails[0]?.id });
    await mails.slowly('Jo');
    await mails.plain();
    expect(subjects()).toEqual(['Hi Jo', 'slow', 'plain']);
    expect(outbox.mails[0]?.tags).toEqual(['hello']);
  });

  it('works in request-scoped and transient providers', async () => {
    await start([PerRequest, Transient]);
    const one = await app!.resolve(PerRequest, ContextIdFactory.create());
    const two = await app!.resolve(PerRequest, ContextIdFactory.create());
    const three = await app!.resolve(Transient);
    expect(one).not.toBe(two);
    await one.welcome('1');
    await two.welcome('2');
    await three.welcome('3');
    expect(subjects()).toEqual(['Hi 1', 'Hi 2', 'Hi 3']);
  });

  it('works in what a factory made', async () => {
    await start([{ provide: 'MADE', useFactory: () => new Singleton() }]);
    await app!.get<Singleton>('MADE').welcome('made');
    expect(subjects()).toEqual(['Hi made']);
  });

  it('is inherited, and sends once when it is overridden and calls its parent', async () => {
    const child = (await start([Child])).get(Child);
    await child.welcome('Jo');
    await child.plain();
    expect(subjects()).toEqual(['Hi Jo of the child', 'plain']);
    expect(outbox.mails[0]?.tags).toEqual(['child']);
  });

  it('sends each mail of a method that calls itself', async () => {
    @Injectable()
    class Recursive {
      @SendMail({ subject: 'x' })
      async each(...subjects: string[]): SentMail {
        const [subject, ...rest] = subjects;
        if (rest.length > 0) await this.each(...rest);
        return draft({ to, subject, text: '' });
      }
    }
    @Injectable()
    class Heir extends Recursive {
      @SendMail({ tags: ['heir'] })
      override each(...subjects: string[]): SentMail {
        return super.each(...subjects);
      }
    }
    await start([Recursive, Heir]);
    await app!.get(Recursive).each('1', '2', '3');
    await app!.get(Heir).each('4', '5');
    expect(subjects()).toEqual(['3', '2', '1', '5', '4']);
    expect(outbox.mails.map(({ tags }) => tags.length)).toEqual([0, 0, 0, 1, 1]);
  });

  it('sends through the named mailer', async () => {
    @Injectable()
    class Bulk {
      @SendMail({ mailer: 'bulk', subject: 'bulk' })
      send(): SentMail {
        return draft({ to, text: '' });
      }
    }
    await (await start([Bulk], 'bulk')).get(Bulk).send();
    expect(subjects()).toEqual(['bulk']);
  });

  it('keeps name, length and metadata of the method', () => {
    class Kept {
      @SendMail()
      @SetMetadata('role', 'admin')
      send(a: string, b: string): SentMail {
        return draft({ to, text: a + b });
      }
    }
    const { send } = Kept.prototype;
    expect([send.name, send.length, Reflect.getMetadata('role', send)]).toEqual([
      'send',
      2,
      'admin',
    ]);
  });

  it('says what is wrong where it is misused', async () => {
    const mails = (await start([Singleton])).get(Singleton);
    const undecorated = await failureOf((async () => mails.undecorated())());
    expect(undecorated).toBeInstanceOf(MailConfigurationError);
    expect(undecorated.message).toMatch(/called in a method with `@SendMail`.*decorate the method/);
    const forgetful = await failureOf(mails.forgetful());
    expect(forgetful.message).toBe(
      'Expected `the answer of Singleton.forgetful` to be what `draft(…)` answers, got nothing.',
    );
    const byHand = await failureOf(new Singleton().plain());
    expect(byHand.message).toMatch(/`Singleton.plain` to be a method of a provider that Nest made/);
    expect(() => {
      class Twice {
        @SendMail()
        @SendMail()
        send(): SentMail {
          return draft({ to });
        }
      }
      return Twice;
    }).toThrow(/`@SendMail on Twice.send` to be there once, got a second one/);
    expect(() => {
      class Static {
        @SendMail()
        static send(): SentMail {
          return draft({ to });
        }
      }
      return Static;
    }).toThrow(/`@SendMail on Static.send` .* got a static method/);
    expect(outbox.mails).toEqual([]);
  });

  it('is refused where no MailModule is', async () => {
    await expect(Test.createTestingModule({ providers: [Singleton] }).compile()).rejects.toThrow(
      /Singleton/,
    );
  });

  it.each([
    ['singleton', Scope.DEFAULT],
    ['request-scoped', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ])('stops the boot at a missing template in a %s provider', async (_what, scope) => {
    @Injectable({ scope })
    class Misspelt {
      @SendMail({ template: 'welcom' })
      send(): SentMail<'welcom'> {
        return draft({ to, context: {} });
      }
    }
    const error = await failureOf(start([Misspelt]));
    expect(error).toBeInstanceOf(MailTemplateError);
    expect(error.message).toMatch(
      /Template 'welcom': Misspelt.send sends it, and there is no template of that name in .*Did you mean 'welcome'\?$/,
    );
  });

  it('stops the boot where a template is named and none are configured', async () => {
    @Module({ imports: [MailModule.forRoot({ transport: 'memory:' })], providers: [Singleton] })
    class App {}
    app = await Test.createTestingModule({ imports: [App] }).compile();
    await expect(app.init()).rejects.toThrow(
      /has no option `templates`. Set `templates: \{ dir \}`/,
    );
  });
});

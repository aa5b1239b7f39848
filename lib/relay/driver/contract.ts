import { performance } from 'node:perf_hooks';
import { MailDeliveryError } from '../../base/errors.js';
import { failureOf } from '../job.js';
import type { JobFailure, LeasedJob } from '../relay.js';
import { Consumer, contractJob as newJob, contractMail, upTo } from './consumer.js';
import type { ContractRunner, RelayHarness } from './contract.types.js';
import { workerContract } from './worker-contract.js';

const failure: JobFailure = {
  code: 'MAIL_RECIPIENTS',
  disposition: 'retry',
  message: 'Mailbox busy',
  transport: 'memory',
  response: '450 4.2.1 busy',
  at: 1_700_000_000_000,
};

const idsOf = (jobs: readonly LeasedJob[]) => jobs.map(({ mail }) => mail.id);
const sent = (jobs: readonly LeasedJob[]) =>
  jobs.map(({ mail }) => ({ id: mail.id, outcome: 'sent' as const }));

/**
 * What every driver does alike, as tests of the runner that is given (Jest, Vitest). `makeHarness` is
 * called anew for each test and gives an empty storage.
 */
export function relayContract(
  runner: ContractRunner,
  name: string,
  makeHarness: () => Promise<RelayHarness>,
): void {
  const { describe, it, afterEach, expect } = runner;
  describe(`relay contract: ${name}`, () => {
    let made: Promise<RelayHarness> | undefined;

    const client = async () => {
      made ??= makeHarness();
      const relay = await (await made).client();
      await relay.open();
      return relay;
    };

    afterEach(async () => {
      await (await made)?.dispose();
      made = undefined;
    });

    it('gives a mail back as it was stored', async () => {
      const relay = await client();
      const content = Buffer.from([0, 1, 2, 0xff, 0xfe, 13, 10]);
      const mail = contractMail({
        to: ['Zoë <zoe@example.net>', 'bob@example.net'],
        bcc: 'secret@example.net',
        subject: 'Grüße 💌',
        html: '<p>\u2028</p>',
        headers: { 'X-One': 'two' },
        metadata: { order: '4711' },
        attachments: [{ filename: 'a.bin', content }],
      });
      const queuedAt = Date.now() - 1_000;
      expect(await relay.enqueue([newJob(mail, { queuedAt })])).toEqual([{ status: 'stored' }]);
      const [job] = await (await Consumer.of(relay)).take(1);
      // A driver says how large it is, or leaves it out.
      const { size = 1, ...rest } = job!;
      expect(rest).toEqual({ mail, attempts: 0, unknowns: 0, bornAt: queuedAt });
      expect(size).toBeGreaterThan(0);
      expect(Object.isFrozen(job?.mail)).toBe(true);
      expect(job?.mail.attachments[0]?.content.equals(content)).toBe(true);
    });

    it('keeps the order among equal priorities, and lets higher ones go first', async () => {
      const relay = await client();
      const priorities = ['low', 'normal', 'normal', 'high', 'normal', 'high'] as const;
      const jobs = priorities.map((priority) => newJob(contractMail(), { priority }));
      for (const job of jobs) await relay.enqueue([job]);
      const consumer = await Consumer.of(relay);
      const order: number[] = [];
      while (order.length < jobs.length) {
        const [job] = await consumer.take(1);
        order.push(jobs.findIndex(({ mail }) => mail.id === job?.mail.id));
        await relay.settle(sent([job!]));
      }
      expect(order).toEqual([3, 5, 1, 2, 4, 0]);
    });

    it('holds a job back until its time', async () => {
      const relay = await client();
      const notBefore = Date.now() + 300;
      const later = newJob(contractMail(), { notBefore });
      const now = newJob();
      await relay.enqueue([later, now]);
      expect(await relay.stats()).toMatchObject({ scheduled: 1 });
      const consumer = await Consumer.of(relay);
      expect(idsOf(await consumer.take(1))).toEqual([now.mail.id]);
      const [job] = await consumer.take(1);
      // Redis and Node read the clock in whole milliseconds of their own.
      expect(Date.now()).toBeGreaterThanOrEqual(notBefore - 2);
      expect(job).toMatchObject({ mail: { id: later.mail.id }, bornAt: notBefore });
    });

    it('answers a key that is taken with the first mail, as long as it remembers', async () => {
      const relay = await client();
      const first = newJob(contractMail(), { idempotencyKey: 'invoice:1' });
      const again = () => newJob(contractMail(), { idempotencyKey: 'invoice:1' });
      const { id, messageId } = first.mail;
      const duplicate = { status: 'duplicate', id, messageId };
      const other = newJob(contractMail(), { idempotencyKey: 'invoice:2' });
      expect(await relay.enqueue([first, again(), other])).toEqual([
        { status: 'stored' },
        duplicate,
        { status: 'stored' },
      ]);
      expect(await relay.enqueue([again()])).toEqual([duplicate]);
      const elsewhere = await client();
      expect(await elsewhere.enqueue([again()])).toEqual([duplicate]);
      const consumer = await Consumer.of(relay);
      const jobs = await consumer.take(2);
      expect(idsOf(jobs).sort()).toEqual([id, other.mail.id].sort());
      await relay.settle(sent(jobs));
      expect(await relay.enqueue([again()])).toEqual([duplicate]);
    });

    it('stores one mail of many senders with one key', async () => {
      const relays = await Promise.all([client(), client()]);
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          relays[n % 2]!.enqueue([newJob(contractMail(), { idempotencyKey: 'once' })]),
        ),
      );
      const flat = outcomes.flat();
      expect(flat.filter(({ status }) => status === 'stored')).toHaveLength(1);
      const ids = flat.flatMap((one) => (one.status === 'duplicate' ? [one.id] : []));
      expect(new Set(ids).size).toBe(1);
      const [job] = await (await Consumer.of(relays[0])).take(1);
      expect(job?.mail.id).toBe(ids[0]);
    });

    it('leases to each mailer what is its own, and names it in lists', async () => {
      const relays = await Promise.all([client(), client(), client()]);
      const mailers = [undefined, 'news', 'orders'];
      const jobs = Array.from({ length: 30 }, (_, n) => {
        const priority = (['low', 'normal', 'high'] as const)[n % 2];
        return newJob(contractMail(), { mailer: mailers[n % 3], priority });
      });
      // Whoever stores it.
      await relays[0].enqueue(jobs);
      const consumers = await Promise.all(relays.map((relay, n) => Consumer.of(relay, mailers[n])));
      const own = (n: number) => jobs.filter(({ mailer }) => mailer === mailers[n]);
      for (const [n, consumer] of consumers.entries()) {
        const listed = await relays[0].list({ state: 'queued' });
        expect(listed.filter(({ mailer }) => mailer === mailers[n])).toHaveLength(10);
        const taken = await consumer.take(10);
        expect(idsOf(taken).sort()).toEqual(
          own(n)
            .map(({ mail }) => mail.id)
            .sort(),
        );
        expect((await consumer.relay.lease(upTo(10))).jobs).toEqual([]);
        const [first] = taken;
        expect(await relays[2].show(first!.mail.id)).toMatchObject({ state: 'leased' });
        expect((await relays[2].show(first!.mail.id))?.mailer).toBe(mailers[n]);
        await consumer.relay.release(idsOf(taken));
        const again = await consumer.take(10);
        expect(idsOf(again)).toEqual(idsOf(taken));
        await consumer.relay.settle(
          again.map(({ mail: { id } }) => {
            return { id, outcome: 'deferred', delayMs: 1, attempts: 1, unknowns: 0, failure };
          }),
        );
      }
      // Who leases may wake what is due, whosever it is.
      const { queued, deferred, leased } = await relays[1].stats();
      expect({ waiting: queued + deferred, leased }).toEqual({ waiting: 30, leased: 0 });
      for (const [n, consumer] of consumers.entries()) {
        const taken = await consumer.take(10);
        expect(idsOf(taken).sort()).toEqual(
          own(n)
            .map(({ mail }) => mail.id)
            .sort(),
        );
        await consumer.relay.settle(sent(taken));
      }
      expect(await relays[1].stats()).toMatchObject({ queued: 0, deferred: 0, leased: 0 });
    });

    it('keeps the digest of a message as long as its key', async () => {
      const relay = await client();
      const keyed = (digest?: string) =>
        newJob(contractMail(), { idempotencyKey: 'invoice:1', ...(digest && { digest }) });
      const first = keyed('1:first');
      await relay.enqueue([first]);
      const { id, messageId } = first.mail;
      const duplicate = { status: 'duplicate', id, messageId, digest: '1:first' };
      expect(await relay.enqueue([keyed('1:other'), keyed()])).toEqual([duplicate, duplicate]);
      const jobs = await (await Consumer.of(relay)).take(1);
      await relay.settle(sent(jobs));
      expect(await relay.enqueue([keyed('1:other')])).toEqual([duplicate]);
    });

    it('bounds a lease by the size of what it brings, and always brings one', async () => {
      const relay = await client();
      const jobs = Array.from({ length: 4 }, () =>
        newJob(contractMail({ text: 'x'.repeat(10_000) })),
      );
      await relay.enqueue(jobs);
      await Consumer.of(relay);
      const sizes: number[] = [];
      for (const maxSize of [1, 25_000, 1_000_000]) {
        const lease = await relay.lease(upTo(10, maxSize));
        sizes.push(lease.jobs.length);
      }
      expect(sizes).toEqual([1, 2, 1]);
    });

    it('says which leases are still held', async () => {
      const [relay, other] = await Promise.all([client(), client()]);
      await relay.enqueue([newJob(), newJob(), newJob()]);
      const ids = idsOf(await (await Consumer.of(relay)).take(3));
      const strangers = [...ids, '0199c6f2-0000-7000-8000-000000000000'];
      expect([...(await relay.heartbeat(strangers))].sort()).toEqual([...ids].sort());
      expect(await other.heartbeat(ids)).toEqual([]);
      await relay.settle([{ id: ids[0]!, outcome: 'sent' }]);
      await relay.release([ids[1]!]);
      expect(await relay.heartbeat(ids)).toEqual([ids[2]]);
    });

    it('counts attempts that may have been accepted', async () => {
      const relay = await client();
      await relay.enqueue([newJob()]);
      const consumer = await Consumer.of(relay);
      const [first] = await consumer.take(1);
      const { id } = first!.mail;
      await relay.settle([
        { id, outcome: 'deferred', delayMs: 1, attempts: 1, unknowns: 1, failure },
      ]);
      const [again] = await consumer.take(1);
      expect(again).toMatchObject({ attempts: 1, unknowns: 1 });
      await relay.settle([
        { id, outcome: 'dead', reason: 'held', attempts: 2, unknowns: 2, failure },
      ]);
      expect(await relay.list()).toMatchObject([{ id, reason: 'held', attempts: 2, unknowns: 2 }]);
      await relay.retry('all');
      expect((await consumer.take(1))[0]).toMatchObject({ attempts: 0, unknowns: 0 });
    });

    it('forgets what was sent', async () => {
      const relay = await client();
      const jobs = Array.from({ length: 5 }, () => newJob());
      await relay.enqueue(jobs);
      expect(await relay.stats()).toMatchObject({ queued: 5 });
      const leased = await (await Consumer.of(relay)).take(5);
      expect(await relay.stats()).toMatchObject({ queued: 0, leased: 5 });
      await relay.settle(sent(leased));
      // The worker repeats a batch whose answer it did not get.
      await relay.settle(sent(leased));
      const nothing = { queued: 0, scheduled: 0, deferred: 0, leased: 0, dead: 0, sent: 0 };
      expect(await relay.stats()).toEqual(nothing);
      expect(await relay.show(leased[0]!.mail.id)).toBeUndefined();
    });

    it('brings a deferred job back for the recipients still open, with what is known of it', async () => {
      const relay = await client();
      const mail = contractMail({ to: ['a@example.net', 'b@example.net', 'c@example.net'] });
      await relay.enqueue([newJob(mail)]);
      const consumer = await Consumer.of(relay);
      const [first] = await consumer.take(1);
      const { bornAt } = first!;
      const { id } = mail;
      const before = performance.now();
      await relay.settle([
        { id, outcome: 'deferred', delayMs: 200, attempts: 1, unknowns: 0, open: ['b@example.net', 'c@example.net'], failure }, // prettier-ignore
      ]);
      expect(await relay.stats()).toMatchObject({ deferred: 1, leased: 0 });
      expect(await relay.list({ state: 'deferred' })).toMatchObject([
        { id, messageId: mail.messageId, state: 'deferred', attempts: 1, unknowns: 0, failure },
      ]);
      const [second] = await consumer.take(1);
      expect(performance.now() - before).toBeGreaterThan(190);
      expect(second).toMatchObject({ attempts: 1, unknowns: 0, bornAt });
      expect(second?.mail.envelope).toEqual({
        from: mail.envelope.from,
        to: ['b@example.net', 'c@example.net'],
      });
      expect(second?.mail.to).toEqual(mail.to);
      expect(second?.mail.messageId).toBe(mail.messageId);
      await relay.settle([
        { id, outcome: 'deferred', delayMs: 1, attempts: 2, unknowns: 0, failure },
      ]);
      const [third] = await consumer.take(1);
      expect(third).toMatchObject({ attempts: 2, unknowns: 0 });
      expect(third?.mail.envelope.to).toEqual(['b@example.net', 'c@example.net']);
    });

    it('records a failure whatever its words are', async () => {
      const relay = await client();
      const jobs = [newJob(), newJob()];
      await relay.enqueue(jobs);
      const leased = await (await Consumer.of(relay)).take(2);
      // Cut to its length, it would end in half a character.
      const error = new MailDeliveryError({
        code: 'MAIL_CONTENT',
        disposition: 'permanent',
        fault: 'message',
        stage: 'data',
        message: `${'x'.repeat(499)}💌`,
        response: `554 \ud83d "\0" ${'💌'.repeat(300)}`,
      });
      const end = { outcome: 'dead', reason: 'permanent', attempts: 1, unknowns: 0 } as const;
      await relay.settle(
        leased.map(({ mail: { id } }) => ({ id, ...end, failure: failureOf(error, 1) })),
      );
      expect(await relay.stats()).toMatchObject({ dead: 2, leased: 0 });
      expect((await relay.list())[0]?.failure?.response).toContain('554');
    });

    it('keeps dead jobs, lists them, and retries or discards them when told', async () => {
      const relay = await client();
      const mails = Array.from({ length: 4 }, () => contractMail());
      await relay.enqueue(mails.map((mail) => newJob(mail)));
      const consumer = await Consumer.of(relay);
      const jobs = await consumer.take(4);
      await relay.settle(
        jobs.map(({ mail: { id } }) => {
          return { id, outcome: 'dead', reason: 'permanent', attempts: 3, unknowns: 0, failure };
        }),
      );
      expect(await relay.stats()).toMatchObject({ dead: 4, leased: 0 });
      const ids = mails.map(({ id }) => id);
      const listed = await relay.list();
      expect(listed.map(({ id }) => id)).toEqual(ids);
      expect(listed[0]).toMatchObject({
        state: 'dead',
        reason: 'permanent',
        attempts: 3,
        unknowns: 0,
        failure,
      });
      const [page] = await relay.list({ limit: 1, after: ids[1] });
      expect(page?.id).toBe(ids[2]);
      expect(await relay.show(ids[0]!)).toMatchObject({ id: ids[0], mail: mails[0] });
      expect(await relay.show('0199c6f2-0000-7000-8000-000000000000')).toBeUndefined();

      expect(await relay.discard([ids[0]!, 'nobody'])).toBe(1);
      expect(await relay.retry([ids[1]!, ids[0]!])).toBe(1);
      const [again] = await consumer.take(1);
      expect(again).toMatchObject({ mail: { id: ids[1] }, attempts: 0, unknowns: 0 });
      expect(again!.bornAt).toBeGreaterThanOrEqual(jobs[1]!.bornAt);
      await relay.settle(sent([again!]));
      expect(await relay.retry('all')).toBe(2);
      const rest = await consumer.take(2);
      expect(idsOf(rest)).toEqual([ids[2], ids[3]]);
      await relay.settle(
        rest.map(({ mail: { id } }) => {
          return { id, outcome: 'dead', reason: 'held', attempts: 1, unknowns: 0, failure };
        }),
      );
      expect(await relay.discard('all')).toBe(2);
      expect(await relay.stats()).toMatchObject({ dead: 0, queued: 0, leased: 0 });
    });

    it('frees a key when its dead mail is discarded, not before', async () => {
      const relay = await client();
      const keyed = (n: number) => newJob(contractMail(), { idempotencyKey: `order:${n}` });
      const jobs = [keyed(1), keyed(2), keyed(3)];
      const [one, two, three] = jobs.map(({ mail }) => mail.id);
      await relay.enqueue(jobs);
      const leased = await (await Consumer.of(relay)).take(3);
      await relay.settle(
        leased.map(({ mail: { id } }) => {
          return { id, outcome: 'dead', reason: 'permanent', attempts: 1, unknowns: 0, failure };
        }),
      );
      const duplicateOf = (id?: string) => ({ status: 'duplicate', id });
      expect(await relay.enqueue([keyed(1)])).toMatchObject([duplicateOf(one)]);
      expect(await relay.discard([one!])).toBe(1);
      expect(await relay.enqueue([keyed(1), keyed(2), keyed(3)])).toMatchObject([
        { status: 'stored' },
        duplicateOf(two),
        duplicateOf(three),
      ]);
      expect(await relay.discard('all')).toBe(2);
      expect(await relay.enqueue([keyed(2), keyed(3)])).toEqual([
        { status: 'stored' },
        { status: 'stored' },
      ]);
    });

    it('takes a released job back to its place, without an attempt counted', async () => {
      const relay = await client();
      const jobs = Array.from({ length: 4 }, () => newJob());
      const ids = jobs.map(({ mail }) => mail.id);
      await relay.enqueue(jobs);
      const consumer = await Consumer.of(relay);
      expect(idsOf(await consumer.take(4))).toEqual(ids);
      await relay.release([ids[1]!, ids[0]!]);
      await relay.release([ids[1]!]);
      const back = await consumer.take(2);
      expect(idsOf(back)).toEqual([ids[0], ids[1]]);
      expect(back[0]).toMatchObject({ attempts: 0, unknowns: 0 });
      // Only what is leased can be given back.
      await relay.settle(sent(back));
      await relay.release(ids.slice(0, 2));
      expect(await relay.stats()).toMatchObject({ queued: 0, leased: 2 });
    });

    it('leases at most what is asked for, and nothing twice to two', async () => {
      const relays = await Promise.all([client(), client()]);
      const jobs = Array.from({ length: 20 }, () => newJob());
      await relays[0].enqueue(jobs);
      const consumers = await Promise.all(relays.map((relay) => Consumer.of(relay)));
      expect((await relays[0].lease(upTo(1))).jobs.length).toBeLessThanOrEqual(1);
      const taken = await Promise.all(consumers.map((consumer) => consumer.take(9)));
      const all = taken.flatMap(idsOf);
      expect(new Set(all).size).toBe(18);
      await Promise.all(taken.map((mine, n) => relays[n]!.heartbeat(idsOf(mine))));
      await Promise.all(taken.map((mine, n) => relays[n]!.settle(sent(mine))));
    });

    it('gives what a closed process held to another one', async () => {
      const [first, second] = [await client(), await client()];
      const job = newJob();
      await first.enqueue([job]);
      const [held] = await (await Consumer.of(first)).take(1);
      await first.release([held!.mail.id]);
      await first.close();
      const [taken] = await (await Consumer.of(second)).take(1);
      expect(taken).toMatchObject({ mail: { id: job.mail.id }, attempts: 0, unknowns: 0 });
    });

    it('tells a consumer that work has come', async () => {
      const [producer, relay] = [await client(), await client()];
      const consumer = await Consumer.of(relay);
      const taking = consumer.take(1);
      const job = newJob();
      await producer.enqueue([job]);
      expect(idsOf(await taking)).toEqual([job.mail.id]);
    });

    it('sets aside what cannot be read, and lets the rest flow', async () => {
      const relay = await client();
      const jobs = Array.from({ length: 6 }, () =>
        newJob(contractMail({ attachments: [{ filename: 'a.txt', content: 'a' }] })),
      );
      await relay.enqueue(jobs);
      const ids = jobs.map(({ mail }) => mail.id);
      const mailOf = (wire: Record<string, unknown>) => wire['mail'] as Record<string, unknown>;
      const read = { filename: 'passwd', contentType: 'text/plain', path: '/etc/passwd' };
      const fetch = { filename: 'x', contentType: 'text/plain', href: 'http://127.0.0.1/' };
      const hostile = [
        (wire: Record<string, unknown>) => ({ ...wire, mail: { ...mailOf(wire), attachments: [read] } }), // prettier-ignore
        (wire: Record<string, unknown>) => ({ ...wire, mail: { ...mailOf(wire), attachments: [fetch] } }), // prettier-ignore
        (wire: Record<string, unknown>) => ({ ...wire, v: 99 }),
        (wire: Record<string, unknown>) => ({ ...wire, mail: { ...mailOf(wire), envelope: { from: 'a@b.example', to: ['x@y.example>\r\nRCPT TO:<z@y.example'] } } }), // prettier-ignore
        () => JSON.parse('{"__proto__":{"v":1,"priority":"normal","queuedAt":1}}') as unknown,
      ];
      const harness = await made!;
      for (const [n, change] of hostile.entries()) await harness.rewrite(ids[n]!, change);
      const consumer = await Consumer.of(relay);
      expect(idsOf(await consumer.take(1))).toEqual([ids[5]]);
      const met = () => consumer.unreadable.splice(0).map(({ id }) => id);
      expect(met()).toEqual(ids.slice(0, 5));
      expect(await relay.stats()).toMatchObject({ leased: 6, dead: 0 });
      // The fault may have been the storage's: each is read once more.
      await relay.release(ids.slice(0, 5));
      await relay.enqueue([newJob()]);
      await consumer.take(1);
      expect(consumer.unreadable.map(({ id }) => id)).toEqual(ids.slice(0, 5));
      await consumer.setAsideUnreadable();
      const dead = await relay.list();
      expect(dead.map(({ id, reason }) => ({ id, reason }))).toEqual(
        ids.slice(0, 5).map((id) => ({ id, reason: 'corrupt' })),
      );
      expect(dead[0]?.failure?.message).toContain('path');
      expect(dead[2]?.failure?.message).toContain('newer release');
      expect((await relay.show(ids[0]!))?.mail).toBeUndefined();
      expect(({} as { v?: unknown }).v).toBeUndefined();
    });

    it('closes once, and then takes nothing', async () => {
      const relay = await client();
      await relay.enqueue([newJob()]);
      await Promise.all([relay.close(), relay.close()]);
      await expect(relay.enqueue([newJob()])).rejects.toMatchObject({ code: 'MAIL_RELAY' });
      await relay.destroy();
      const [job] = await (await Consumer.of(await client())).take(1);
      expect(job).toBeDefined();
    });

    workerContract(runner, client);
  });
}

import type { TextLink } from '../html-text.js';
import { insertPreheader } from '../preheader.js';
import type { RenderedTemplate, TemplateKit } from '../template.js';
import { TemplateImages } from '../images.js';
import { join, readTrace, type Parts, type Trace, type TraceRecorder } from './handlebars-trace.js';
import { hasSlotMark, inertSlots, SLOT, slot } from './html-slots.js';

/** Traces longer than this carry somebody's html: they hardly come again. */
const MAX_KEY = 4096;
const MAX_SEEN = 256;
/** Characters that the shapes of one template may take. */
const MAX_KEPT = 4_000_000;

/** What one run of a template is put together to. */
interface Mail {
  readonly subject: Parts;
  readonly preheader: Parts;
  readonly html: Parts;
  readonly text: Parts;
}

/** A mail with its CSS moved and its text part made, and places for its values. */
interface Shape {
  readonly subject: Parts;
  readonly html: Parts;
  /** Absent where each text has to be read from its html. */
  readonly text: Parts | undefined;
  readonly links: readonly Link[];
  readonly cids: readonly string[] | undefined;
  readonly size: number;
}

interface Link {
  readonly href: Parts;
  readonly words: Parts;
  /** Whether the value that stands first may make it another kind of link. */
  readonly isOpen: boolean;
}

export interface ShapesOptions {
  readonly kit: TemplateKit;
  readonly recorder: TraceRecorder;
  readonly escape: (text: string) => string;
  /** The parts that the template has. */
  readonly has: Readonly<Record<keyof Mail, boolean>>;
}

/**
 * Turns the runs of one template into mails, always with the answer that inliner and converter give on
 * the filled html. Both are slow, so they work once for each trace that comes a second time, with
 * places instead of values; from then on the values are put in.
 */
export class Shapes {
  private readonly shapes = new Map<string, Shape | undefined>();
  private readonly seen = new Set<string>();
  private kept = 0;

  constructor(private readonly options: ShapesOptions) {}

  fill(trace: Trace): RenderedTemplate {
    const { key } = trace;
    const shape = this.shapes.get(key);
    if (shape) return this.fillShape(shape, trace);
    const mail = this.read(key);
    if (this.isNew(key) || key.length > MAX_KEY) return this.fillWhole(mail, trace.values);
    if (this.shapes.has(key)) return this.fillWhole(mail, trace.values);
    if (this.learns(mail, trace)) return this.fillWhole(mail, trace.values);
    const whole = this.fillWhole(mail, trace.values);
    this.keep(key, this.proven(mail, trace, whole));
    return whole;
  }

  private read(key: string): Mail {
    const [html, preheader, text, subject] = readTrace(key, this.options.recorder.texts);
    return { subject: subject!, preheader: preheader!, html: html!, text: text! };
  }

  private isNew(key: string): boolean {
    if (this.seen.has(key) || this.shapes.has(key)) return false;
    if (this.seen.size >= MAX_SEEN) this.seen.clear();
    if (key.length <= MAX_KEY) this.seen.add(key);
    return true;
  }

  /** With everything in it that decides, so that nothing can be taken for what it is not. */
  private fillWhole(mail: Mail, values: readonly string[]): RenderedTemplate {
    const { kit, escape, has } = this.options;
    const subject = has.subject ? join(mail.subject, values) : undefined;
    if (!has.html) return { subject, text: join(mail.text, values) };
    const html = kit.inlineCss(this.htmlOf(mail, values.map(escape)));
    const text = has.text ? join(mail.text, values) : kit.toText?.(html);
    return { subject, html, text };
  }

  private htmlOf({ html, preheader }: Mail, values: readonly string[]): string {
    const body = join(html, values);
    return this.options.has.preheader ? insertPreheader(body, join(preheader, values)) : body;
  }

  /** Whether some values of this run decide over the html, which was not known: its trace is another. */
  private learns(mail: Mail, { values, printers }: Trace): boolean {
    const { has, recorder } = this.options;
    if (!has.html) return false;
    const html = this.htmlOf(
      mail,
      values.map((_, index) => slot(index)),
    );
    const inert = inertSlots(html);
    const inHtml = [...mail.html, ...mail.preheader].filter((part) => typeof part === 'number');
    const deciding = inHtml.filter((value) => !inert.has(value));
    return deciding.filter((value) => recorder.decides(printers[value]!)).length > 0;
  }

  /** The shape of this mail; `undefined` when it does not give back the mail that it was made from. */
  private proven(mail: Mail, trace: Trace, whole: RenderedTemplate): Shape | undefined {
    const { kit, has } = this.options;
    const { key, values } = trace;
    if (hasSlotMark(key)) return undefined;
    const slots = values.map((_, index) => slot(index));
    const html = has.html ? kit.inlineCss(this.htmlOf(mail, slots)) : '';
    const text = has.text || !has.html ? mail.text : partsOf(kit.toText?.(html) ?? '');
    const isRead = has.html && !has.text && kit.toText !== undefined;
    const shape: Shape = {
      subject: mail.subject,
      html: partsOf(html),
      text,
      links: isRead ? linksOf(kit.toText.links(html)) : [],
      cids: has.html ? TemplateImages.fixedIn(html) : [],
      size: key.length + html.length * 2,
    };
    const again = this.fillShape(shape, trace);
    if (again.html !== whole.html) return undefined;
    return again.text === whole.text ? shape : { ...shape, text: undefined };
  }

  private fillShape(shape: Shape, { values }: Trace): RenderedTemplate {
    const { kit, escape, has } = this.options;
    const subject = has.subject ? join(shape.subject, values) : undefined;
    if (!has.html) return { subject, text: join(shape.text!, values) };
    const html = join(shape.html, values.map(escape));
    const { text: parts, cids } = shape;
    if (!has.text && !kit.toText) return { subject, html, cids };
    const isKnown = parts && (has.text || this.isAsRead(shape, parts, values));
    return { subject, html, cids, text: isKnown ? join(parts, values) : kit.toText?.(html) };
  }

  /** Whether the converter would leave these values as they are, and all links as in the shape. */
  private isAsRead({ links }: Shape, parts: Parts, values: readonly string[]): boolean {
    return (
      parts.every((part) => typeof part === 'string' || isOneLine(values[part]!)) &&
      links.every(({ href, words, isOpen }) => {
        const target = join(href, values);
        if (isOpen && /^(?:mailto:|#)/.test(target)) return false;
        return target.replace(/^mailto:/, '') !== join(words, values).replaceAll(' ', '');
      })
    );
  }

  private keep(key: string, shape: Shape | undefined): void {
    this.shapes.set(key, shape);
    this.kept += shape?.size ?? key.length;
    for (const [oldest, { size } = { size: oldest.length }] of this.shapes) {
      if (this.kept <= MAX_KEPT) break;
      this.shapes.delete(oldest);
      this.kept -= size;
    }
  }
}

/** Words with one space between them: the converter changes all other white space. */
const ONE_LINE = /^[^ \t\r\n\f\u200b]+(?: [^ \t\r\n\f\u200b]+)*$/;
const isOneLine = (value: string): boolean => ONE_LINE.test(value);

function partsOf(text: string): Parts {
  return text.split(SLOT).map((part, index) => (index % 2 === 0 ? part : Number(part)));
}

/** Those whose look depends on a value. */
function linksOf(links: readonly TextLink[]): Link[] {
  return links
    .filter(({ href, words }) => hasSlotMark(href + words))
    .map(({ href, words }) => {
      const [first = ''] = href.split('\uE000', 1);
      const isOpen = hasSlotMark(href) && 'mailto:'.startsWith(first);
      return { href: partsOf(href), words: partsOf(words), isOpen };
    });
}

import { scanHtml } from '../html-scan.js';

/** An attribute of MJML whose value holds mustaches. */
export interface MjmlValue {
  readonly name: string;
  /** With mustaches as tokens. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly isColour: boolean;
}

export interface MjmlValues {
  readonly list: readonly MjmlValue[];
  /** The source with a valid colour or size in the place of each value. */
  readonly first: string;
  /** The same with another one for this value. */
  with(value: MjmlValue): string;
  /** Html with the values again, in the place of what stood for them. */
  back(html: string): string;
}

const COLOUR = /colou?r$/;
const SIZE =
  /^(?:width|height|padding|inner-padding|border|font-size|line-height|letter-spacing|icon-)/;

/** MJML checks colours and sizes when it compiles: it gets valid ones, that nothing else has. */
export function placeholders(source: string): MjmlValues {
  const list: MjmlValue[] = [];
  for (const { kind, attributes } of scanHtml(source)) {
    for (const { name, start, end, quoted } of kind === 'open' ? attributes : []) {
      const text = source.slice(start, end);
      const isColour = COLOUR.test(name);
      if (!quoted || !text.includes('\uE000') || !(isColour || SIZE.test(name))) continue;
      list.push({ name, text, start, end, isColour });
    }
  }
  const stand = ({ isColour }: MjmlValue, number: number) => {
    for (let n = number; ; n += 1000) {
      const found = isColour ? `#a${(0xb0000 + n).toString(16)}` : `${20_000 + n}px`;
      if (!source.includes(found)) return found;
    }
  };
  const stands = list.map((value, index) => stand(value, 7 * index + 1));
  const others = list.map((value, index) => stand(value, 7 * index + 4));
  const put = (other?: MjmlValue) => {
    let out = '';
    let done = 0;
    list.forEach((value, index) => {
      out += source.slice(done, value.start) + (value === other ? others : stands)[index]!;
      done = value.end;
    });
    return out + source.slice(done);
  };
  const back = (html: string) =>
    list.reduce(
      (text, value, index) =>
        text.replaceAll(stands[index]!, value.text).replaceAll(others[index]!, value.text),
      html,
    );
  return { list, first: put(), with: put, back };
}

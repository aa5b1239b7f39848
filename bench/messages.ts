const line = 'Your order has left our house and is on its way to you with the morning van.';
const lines = Array.from({ length: 12 }, (_, i) => `${i + 1}. ${line.slice(i % 20)}\n`).join('');
const rows = Array.from({ length: 12 }, (_, i) => `<p>${i + 1}. ${line.slice(i % 20, 68)}</p>\n`);
const body = rows.join('');

/**
 * A message as a shop sends it, text and html, 2.3 KB as sent. Its bodies are made anew each time, as
 * a template makes them: no one has seen these strings before.
 */
export function messageOf(i: number) {
  const name = `Customer ${i}`;
  return {
    from: 'Shop <hello@shop.example>',
    to: `${name} <customer-${i}@mail.example>`,
    subject: `Your order ${10_000 + i} is on its way`,
    text: `Dear ${name},\n\n${lines}\nYours\nThe Shop\n`,
    html: `<!doctype html>\n<html><body><p>Dear ${name},</p>\n${body}</body></html>\n`,
  };
}

import { isObject, isText, type FaultList } from './sendgrid-faults.js';

export function checkContent(list: FaultList, value: unknown): void {
  if (!Array.isArray(value) || value.length === 0) {
    list.fault(
      'Unless a valid template_id is provided, the content parameter is required. There must be ' +
        'at least one defined content block. We typically suggest both text/plain and text/html ' +
        'blocks are included, but only one block is required.',
      'content',
    );
    return;
  }
  let last = -1;
  value.forEach((item: unknown, index) => {
    const path = `content.${index}`;
    if (!isObject(item)) {
      list.fault('Bad Request', path, null);
      return;
    }
    list.keys(item, ['type', 'value'], `${path}.`);
    if (!isText(item['value'])) {
      list.fault(
        'The content value must be a string at least one character in length.',
        `${path}.value`,
        'content.value',
      );
    }
    checkType(list, item['type'], 'content', path);
    // AMP stands before html, as its specification recommends and SendGrid's page says.
    const order = ['text/plain', 'text/x-amp-html', 'text/html'];
    const place = order.indexOf(String(item['type']));
    const rank = place === -1 ? order.length : place;
    if (rank < last || (rank === last && place !== -1)) {
      list.fault(
        'If present, text/plain and text/html may only be provided once. text/plain must be ' +
          'first, followed by text/html, followed by any other content.',
        'content',
      );
    }
    last = rank;
  });
}

export function checkAttachments(list: FaultList, value: unknown): void {
  if (!Array.isArray(value)) {
    list.fault('The attachments parameter must be an array.', 'attachments');
    return;
  }
  value.forEach((item: unknown, index) => {
    const path = `attachments.${index}`;
    if (!isObject(item)) {
      list.fault('Bad Request', path, null);
      return;
    }
    list.keys(
      item,
      ['content', 'type', 'filename', 'disposition', 'content_id', 'name'],
      `${path}.`,
    );
    const content = item['content'];
    if (
      !isText(content) ||
      !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=))?$/.test(content)
    ) {
      list.fault(
        'The attachment content must be base64 encoded.',
        `${path}.content`,
        'attachments.content',
      );
    }
    if (!isText(item['filename']) || /[\r\n]/.test(item['filename'])) {
      list.fault(
        'The filename of the attachment must be a string at least one character in length.',
        `${path}.filename`,
        'attachments.filename',
      );
    }
    if (item['type'] !== undefined) checkType(list, item['type'], 'attachment', path);
    const disposition = item['disposition'];
    if (disposition !== undefined && disposition !== 'inline' && disposition !== 'attachment') {
      list.fault(
        'The disposition of your attachment can be either "inline" or "attachment".',
        `${path}.disposition`,
        'attachments.disposition',
      );
    }
    const id = item['content_id'];
    if (id !== undefined && (!isText(id) || /[;,\r\n]/.test(id))) {
      list.fault(
        "The content_id cannot contain ';', ',', or CRLF characters.",
        `${path}.content_id`,
        'attachments.content_id',
      );
    }
  });
}

/** One parameter is let through, and only for invitations: `text/calendar; method=REQUEST`. */
function checkType(list: FaultList, value: unknown, kind: string, path: string): void {
  if (isText(value) && /^text\/calendar; ?method=[A-Z]+$/i.test(value)) return;
  if (isText(value) && !/[;,\r\n]/.test(value)) return;
  list.fault(
    `The ${kind} type cannot contain ';', or CRLF characters.`,
    `${path}.type`,
    `${kind}.type`,
  );
}

// events.js - the newest events, of which there may be many: the page keeps some hundreds and shows a hundred.
import {ageElement, count, element, glyph, say} from './words.js';

const KEPT = 500, SHOWN = 100;

export function eventOf({object}) {
  const about = object.involvedObject ?? object.regarding ?? {};
  return {
    key: object.metadata.uid ?? `${object.metadata.namespace}/${object.metadata.name}`,
    time: object.lastTimestamp ?? object.series?.lastObservedTime ?? object.eventTime ?? object.metadata.creationTimestamp ?? '',
    warning: object.type === 'Warning', type: object.type ?? 'Normal', reason: object.reason ?? '', message: object.message ?? object.note ?? '',
    times: object.count ?? object.series?.count ?? 1, kind: about.kind ?? '', name: about.name ?? '', ns: about.namespace ?? '', uid: about.uid ?? '',
  };
}

const newestFirst = (left, right) => (left.time < right.time ? 1 : left.time > right.time ? -1 : 0);

export class Events {
  constructor(body, note) {
    this.body = body;
    this.note = note;
    this.kept = new Map();
    this.dropped = 0;
    this.warningsOnly = false;
  }

  begin() {
    this.kept.clear();
    this.dropped = 0;
  }

  take(type, row) {
    const event = eventOf(row);
    if (type === 'DELETED') this.kept.delete(event.key);
    else this.kept.set(event.key, event);
    if (this.kept.size > 2 * KEPT) this.forgetOld();
  }

  forgetOld() {
    const sorted = [...this.kept.values()].sort(newestFirst);
    for (const old of sorted.slice(KEPT)) this.kept.delete(old.key);
    this.dropped += Math.max(0, sorted.length - KEPT);
  }

  /** Newest first. */
  of(uid) {
    return [...this.kept.values()].filter((each) => each.uid === uid).sort(newestFirst);
  }

  draw() {
    const all = [...this.kept.values()].filter((each) => each.warning || !this.warningsOnly).sort(newestFirst);
    const shown = all.slice(0, SHOWN);
    this.body.replaceChildren(...shown.map((each) => element('tr', {'data-type': each.type},
      element('td', {}, ageElement(each.time)),
      element('td', {}, ...typeOf(each)),
      element('td', {class: 'object'}, `${each.kind} ${each.ns ? `${each.ns}/` : ''}${each.name}`),
      element('td', {}, each.reason),
      element('td', {class: 'message'}, messageOf(each)))));
    const hidden = all.length - shown.length + (this.warningsOnly ? 0 : this.dropped);
    say(this.note, all.length === 0 ? (this.warningsOnly ? 'No warnings.' : 'No events.')
      : hidden > 0 ? `The newest ${shown.length}; ${count(hidden, 'older one')} not shown. berth events shows all.` : '');
  }
}

export function typeOf(event) {
  return [element('span', {class: 'type'}, event.warning ? glyph('failing') : glyph('done'), event.type)];
}

export function messageOf(event) {
  return event.times > 1 ? `${event.message} (${event.times} times)` : event.message;
}

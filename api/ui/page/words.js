// words.js - elements, and numbers and times as people read them. Text from the host is only ever text: no HTML is parsed.

/** An element with attributes and children; a string child is text. */
export function element(tag, attributes = {}, ...children) {
  const out = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) out.setAttribute(name, value === true ? '' : value);
  }
  out.append(...children);
  return out;
}

export function drawing(tag, attributes = {}, ...children) {
  const out = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) out.setAttribute(name, value);
  out.append(...children);
  return out;
}

/** Sets an element's text; what did not change is left alone, and so is what a reader has selected in it. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

/** "38s", "5m", "3h", "12d" */
export function duration(seconds) {
  if (!(seconds > 0)) return '0s';
  if (seconds < 2 * MINUTE) return `${Math.floor(seconds)}s`;
  if (seconds < 2 * HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  return `${Math.floor(seconds / DAY)}d`;
}

export function ago(time) {
  const then = Date.parse(time);
  return Number.isNaN(then) ? 'unknown' : duration((Date.now() - then) / 1000);
}

/** A <time> whose text is an age, which keeps being right. */
export function ageElement(time) {
  return element('time', {datetime: time, title: time, 'data-age': true}, ago(time));
}

export function refreshAges(root = document) {
  for (const each of root.querySelectorAll('[data-age]')) say(each, ago(each.getAttribute('datetime')));
}

/** "3.5 GiB" */
export function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  while (count >= 1024 && unit + 1 < units.length) {
    count /= 1024;
    ++unit;
  }
  return `${unit === 0 ? Math.round(count) : count.toFixed(count < 10 ? 1 : 0)} ${units[unit]}`;
}

const SUFFIXES = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** A Kubernetes quantity as a number; NaN when it is none. */
export function quantity(text) {
  const parts = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)$/.exec(text ?? '');
  return parts && parts[2] in SUFFIXES ? Number(parts[1]) * SUFFIXES[parts[2]] : NaN;
}

export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

// One shape each: the state is told by form and word; colour only repeats it.
const SHAPES = {
  well: () => [drawing('circle', {cx: 8, cy: 8, r: 5.5, class: 'fill'})],
  starting: () => [drawing('circle', {cx: 8, cy: 8, r: 5.5, class: 'stroke'}), drawing('path', {d: 'M8 2.5a5.5 5.5 0 0 1 0 11z', class: 'fill'})],
  failing: () => [drawing('path', {d: 'M8 1.8 15 14H1z', class: 'fill'}), drawing('path', {d: 'M8 6.2v3.6M8 11.4v1', class: 'cut'})],
  ending: () => [drawing('rect', {x: 3, y: 3, width: 10, height: 10, class: 'stroke'}), drawing('path', {d: 'M3 8h10v5H3z', class: 'fill'})],
  done: () => [drawing('path', {d: 'M2.5 8.5 6.5 12.5 13.5 4', class: 'stroke'})],
  empty: () => [drawing('circle', {cx: 8, cy: 8, r: 5.5, class: 'dashed'})],
};

export function glyph(tone) {
  return drawing('svg', {viewBox: '0 0 16 16', class: 'glyph', 'aria-hidden': 'true', 'data-tone': tone}, ...(SHAPES[tone] ?? SHAPES.empty)());
}

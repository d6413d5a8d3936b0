// pod_panel.js - one pod, close up: its containers, its log as it is written, its events.
import {Refused, pause, readLines} from './agent.js';
import {ageElement, count, element, glyph, say} from './words.js';
import {messageOf, typeOf} from './events.js';
import {stateOf} from './harbour.js';

const TAIL = 500;           // lines to begin with
const KEPT = 2000;          // lines in the page
const LONGEST = 4096;       // characters of a line
const FLUSH = 100;          // milliseconds
const TRY_AGAIN = 2000;
const ESCAPES = /\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]/g;  // colours and other orders to a terminal

const id = (name) => document.getElementById(name);

/** Lines into a box, in bunches, the oldest going first. */
class LogView {
  constructor(box) {
    this.box = box;
    this.clear();
  }

  clear() {
    this.pending = [];
    this.lost = 0;
    this.last = '';    // the newest time of a line
    this.atLast = 0;   // lines that have it
    this.known = null;
    this.box.replaceChildren();
  }

  /** The log is read again from some lines back: what is here already is left out. */
  again() {
    this.known = {time: this.last, lines: this.atLast};
  }

  /** Times of one container may repeat, so lines are left out only where reading began again. */
  isKnown(time) {
    if (!this.known) return false;
    if (time < this.known.time) return true;
    if (time === this.known.time && this.known.lines-- > 0) return true;
    this.known = null;
    return false;
  }

  /** `line` begins with its time. */
  add(line, cut) {
    const blank = line.indexOf(' ');
    const time = blank > 0 ? line.slice(0, blank) : '';
    if (this.isKnown(time)) return;
    if (time > this.last) {
      this.last = time;
      this.atLast = 0;
    }
    if (time === this.last) ++this.atLast;
    let text = line.slice(blank + 1).replace(ESCAPES, '');
    if (cut > 0) text += ` … (${count(cut, 'more character')})`;
    this.pending.push({time, text});
    if (this.pending.length > KEPT) {
      this.lost += this.pending.length - KEPT;
      this.pending.splice(0, this.pending.length - KEPT);
    }
    this.timer ??= setTimeout(() => this.flush(), FLUSH);
  }

  flush() {
    clearTimeout(this.timer);
    this.timer = null;
    const lines = this.pending.map(({time, text}) => element('div', {}, element('time', {datetime: time}, time.slice(11, 19)), element('span', {}, text)));
    this.pending = [];
    this.box.append(...lines);
    while (this.box.childElementCount > KEPT) {
      this.box.firstElementChild.remove();
      ++this.lost;
    }
    this.toEnd();
  }

  toEnd() {
    if (id('log-follow').checked) this.box.scrollTop = this.box.scrollHeight;
  }
}

export class PodPanel {
  /** `look`: {pod(key), sentence(key), events(uid), claim(key)} */
  constructor(look) {
    this.look = look;
    this.dialog = id('panel');
    this.view = new LogView(id('log'));
    this.key = null;
    id('panel-close').addEventListener('click', () => this.dialog.close());
    this.dialog.addEventListener('close', () => this.left());
    this.dialog.addEventListener('click', (event) => { if (event.target === this.dialog) this.dialog.close(); });
    id('log-container').addEventListener('change', () => this.readLog());
    id('log-previous').addEventListener('change', () => this.readLog());
    id('log-follow').addEventListener('change', () => this.view.toEnd());
    // Who scrolls up wants to read; who comes back to the end, to follow.
    id('log').addEventListener('scroll', () => {
      const box = id('log');
      id('log-follow').checked = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    });
  }

  open(pod) {
    this.key = pod.key;
    this.run = null;
    this.back = document.activeElement;
    id('log-container').replaceChildren(...pod.containers.map((each) => element('option', {value: each.name}, each.name + (each.init ? ' (init)' : ''))));
    id('log-previous').checked = false;
    id('log-follow').checked = true;
    this.draw();
    this.dialog.showModal();
    id('panel-title').focus();
    this.readLog();
  }

  left() {
    if (this.dialog.open) return;  // for another pod already: the event comes a moment after the end
    this.stop();
    this.key = null;
    this.view.clear();
    if (this.back?.isConnected) this.back.focus();
  }

  /** The page is out of sight, or in sight again. */
  stop() {
    this.reading?.abort();
    this.reading = null;
  }
  resume() {
    if (this.key) this.readLog({again: true});
  }

  draw() {
    if (!this.key) return;
    const pod = this.look.pod(this.key);
    if (!pod) {
      say(id('log-note'), 'The pod is gone.');
      return;
    }
    say(id('panel-title'), pod.name);
    say(id('panel-where'), `${pod.owner ? `${pod.owner.kind} ${pod.owner.name}` : 'Pod'} in ${pod.ns}`);
    const {tone, word} = stateOf(pod);
    const sentence = this.look.sentence(pod.key);
    id('panel-state').replaceChildren(element('p', {class: 'state', 'data-tone': tone}, glyph(tone), element('span', {class: 'word'}, word)),
      ...(sentence ? [element('p', {class: 'why'}, sentence)] : []));
    const fact = (name, ...values) => element('div', {}, element('dt', {}, name), ...values.map((each) => element('dd', {}, each)));
    const claims = pod.claims.map((name) => [name, this.look.claim(`${pod.ns}/${name}`)]);
    id('panel-facts').replaceChildren(
      fact('Address', pod.address || 'none yet'), fact('Node', pod.node || 'none yet'), fact('Created', ageElement(pod.created)),
      ...claims.map(([name, claim]) => fact('Volume', claim ? `${name}, ${claim.size}, ${claim.phase}` : `${name}, no claim`)));
    id('panel-containers').replaceChildren(...pod.containers.map((each) => element('li', {},
      element('strong', {}, each.name), element('span', {class: 'quiet'}, each.init ? 'init' : ''), element('span', {}, containerText(each)),
      element('code', {}, each.image))));
    const events = this.look.events(pod.uid).slice(0, 50);
    id('panel-events').replaceChildren(...(events.length ? events.map((each) => element('li', {}, ...typeOf(each), element('span', {class: 'quiet'}, ageElement(each.time)),
      element('strong', {}, each.reason), element('span', {class: 'message'}, messageOf(each)))) : [element('li', {class: 'quiet'}, 'None that the agent still has.')]));
    // A container that began anew writes a new log.
    const chosen = pod.containers.find((each) => each.name === id('log-container').value);
    const run = `${pod.uid} ${chosen?.restarts} ${chosen?.kind}`;
    if (this.run && this.run !== run && !id('log-previous').checked) {
      this.run = run;
      if (!this.reading) this.readLog({again: true});
    }
    this.run = run;
  }

  readLog({again = false} = {}) {
    this.stop();
    if (!again) this.view.clear();
    const reading = this.reading = new AbortController();
    this.follow(reading.signal).finally(() => {
      if (this.reading === reading) this.reading = null;
    });
  }

  async follow(signal) {
    const note = id('log-note');
    const previous = id('log-previous').checked;
    const path = () => {
      const [ns, name] = this.key.split('/');
      const query = new URLSearchParams({container: id('log-container').value, timestamps: 'true', tailLines: String(TAIL), ...(previous ? {previous: 'true'} : {follow: 'true'})});
      return `/api/v1/namespaces/${encodeURIComponent(ns)}/pods/${encodeURIComponent(name)}/log?${query}`;
    };
    while (!signal.aborted && this.key) {
      try {
        say(note, 'Reading');
        this.view.again();
        await readLines(path(), {
          accept: '*/*', signal, most: LONGEST, take: (line, cut) => this.view.add(line, cut),
          opened: () => say(note, previous ? '' : 'Following'),
        });
        this.view.flush();
        if (signal.aborted) return;
        if (previous) return say(note, 'The end of the previous run.');
        const pod = this.look.pod(this.key);
        const goesOn = pod && pod.phase !== 'Succeeded' && pod.phase !== 'Failed';
        say(note, goesOn ? 'The container has ended; waiting for the next.' : 'The container has ended.');
        // The watch says when the next begins, see draw(); it may not have said yet that this one ended.
        const chosen = pod?.containers.find((each) => each.name === id('log-container').value);
        if (!goesOn || chosen?.kind !== 'running') return;
      } catch (error) {
        if (signal.aborted) return;
        say(note, error instanceof Refused ? error.message : `The log cannot be read: ${error.message}`);
        if (previous || (error instanceof Refused && error.code < 500)) return;  // nothing to read yet, or any more
      }
      await pause(TRY_AGAIN, signal);
    }
  }
}

function containerText(container) {
  const parts = [container.word];
  if (container.kind === 'terminated' && container.code !== undefined) parts.push(`exit code ${container.code}`);
  if (container.kind === 'running' && !container.init) parts.push(container.ready ? 'ready' : 'not ready');
  if (container.restarts) parts.push(count(container.restarts, 'restart'));
  if (container.last) parts.push(`last: ${container.last.reason ?? 'ended'}, exit code ${container.last.exitCode}`);
  return parts.join(', ');
}

// berths.js - draws the harbour: a row for each set, a numbered berth for each slot. What stays is kept, so focus and selection stay, too.
import {ageElement, bytes, element, glyph, say} from './words.js';
import {claimNamesOf, stateOf} from './harbour.js';

class Berth {
  constructor(open) {
    this.number = element('span', {class: 'number', 'aria-hidden': 'true'});
    this.button = element('button', {type: 'button', class: 'name'});
    this.plain = element('span', {class: 'name'});
    this.heading = element('h4');
    this.glyph = glyph('empty');
    this.word = element('span', {class: 'word'});
    this.age = element('span', {class: 'age quiet'});
    this.why = element('p', {class: 'why'});
    this.facts = element('dl', {class: 'facts'});
    this.node = element('li', {class: 'berth'}, this.number, this.heading,
      element('p', {class: 'state'}, this.glyph, this.word, this.age), this.why, this.facts);
    this.button.addEventListener('click', () => this.pod && open(this.pod));
    this.tone = '';
    this.drawn = '';
  }

  draw(row, berth, look) {
    const {tone, word} = stateOf(berth.pod);
    const sentence = berth.pod ? look.sentence(berth.pod.key) : '';
    const why = sentence || (berth.waits ? `Its turn comes when ${berth.waits} is ready.` : '') ||
      (berth.surplus && berth.pod && !berth.pod.deleting ? 'More than the set wants; it goes when its turn comes.' : '');
    const claims = claimNamesOf(row, berth).map((name) => ({name, claim: look.claim(`${row.ns}/${name}`)}));
    const memory = berth.pod ? look.memory(berth.pod.key) : undefined;
    this.pod = berth.pod;
    // Names of the host's objects may repeat; a picture that is the same is not drawn again.
    const picture = JSON.stringify([berth.number, berth.name, tone, word, why, berth.pod?.address, berth.pod?.restarts, berth.pod?.created,
      claims, memory === undefined ? '' : bytes(memory)]);
    if (picture === this.drawn) return null;
    this.drawn = picture;
    // A container may begin anew between two pictures: then only its count says that there was something.
    const restarted = berth.pod?.uid === this.uid && berth.pod?.restarts > this.restarts;
    const changed = this.tone && (this.tone !== tone || restarted) ? `${berth.name}: ${restarted ? 'restarted, ' : ''}${word}${why ? `. ${why}` : ''}` : null;
    this.uid = berth.pod?.uid;
    this.restarts = berth.pod?.restarts;
    if (this.tone !== tone) {
      const fresh = glyph(tone);
      this.glyph.replaceWith(fresh);
      this.glyph = fresh;
      this.tone = tone;
    }
    this.node.dataset.tone = tone;
    this.node.dataset.name = berth.name;
    this.node.classList.toggle('surplus', berth.surplus);
    say(this.number, berth.number === null ? '' : String(berth.number));
    this.number.hidden = berth.number === null;
    const label = berth.pod ? this.button : this.plain;
    say(label, berth.name);
    if (this.heading.firstChild !== label) this.heading.replaceChildren(label);
    say(this.word, word);
    this.age.replaceChildren(...(berth.pod ? [ageElement(berth.pod.created)] : []));
    say(this.why, why);
    this.why.hidden = !why;
    const facts = [];
    const add = (name, ...values) => facts.push(element('div', {}, element('dt', {}, name), ...values.map((each) => element('dd', {}, each))));
    if (berth.pod) add('Address', berth.pod.address || 'none yet');
    if (claims.length) add('Volume', ...claims.map(({name, claim}) => claimText(name, claim, berth)));
    if (berth.pod?.restarts) add('Restarts', String(berth.pod.restarts));
    if (memory !== undefined) add('Memory', bytes(memory));
    this.facts.replaceChildren(...facts);
    return changed;
  }
}

function claimText(name, claim, berth) {
  const short = name.endsWith(`-${berth.name}`) ? name.slice(0, -berth.name.length - 1) : name;
  if (!claim) return berth.pod ? `${short}, no claim` : `${short}, not made yet`;
  return `${short} ${claim.size}${berth.pod ? '' : ', kept'}${claim.phase === 'Bound' ? '' : `, ${claim.phase}`}`;
}

class Row {
  constructor(id) {
    this.title = element('h3', {id});
    this.kind = element('span', {class: 'quiet'});
    this.ready = element('p', {class: 'ready'});
    this.about = element('p', {class: 'quiet about'});
    this.list = element('ol', {class: 'quay', role: 'list', 'aria-labelledby': id});
    this.more = element('p', {class: 'quiet'});
    this.node = element('article', {class: 'set', 'aria-labelledby': id},
      element('div', {class: 'set-head'}, this.title, this.kind, this.ready), this.about, this.list, this.more);
    this.berths = new Map();
  }

  draw(row, look, open) {
    say(this.title, row.title);
    say(this.kind, `${row.kind} in ${row.ns}`);
    say(this.ready, row.wanted ? `${row.ready} of ${row.wanted} ready` : 'all completed');
    say(this.about, row.set ? [...row.set.images, row.set.service ? `service ${row.set.service}` : ''].filter(Boolean).join(' · ') : '');
    this.about.hidden = !this.about.textContent;
    this.node.dataset.set = row.set ? row.set.key : '';
    this.list.classList.toggle('numbered', row.numbered);
    const changes = [];
    const seen = new Set();
    let at = this.list.firstChild;
    for (const berth of row.berths) {
      seen.add(berth.name);
      let view = this.berths.get(berth.name);
      if (!view) this.berths.set(berth.name, view = new Berth(open));
      const changed = view.draw(row, berth, look);
      if (changed) changes.push(changed);
      if (view.node === at) at = at.nextSibling;
      else this.list.insertBefore(view.node, at);
    }
    for (const [name, view] of this.berths) {
      if (seen.has(name)) continue;
      view.node.remove();
      this.berths.delete(name);
    }
    say(this.more, row.more > 0 ? `and ${row.more} more` : '');
    this.more.hidden = row.more <= 0;
    return changes;
  }
}

/** Draws rows into `root`. */
export class Harbour {
  constructor(root, open) {
    this.root = root;
    this.open = open;
    this.rows = new Map();
    this.made = 0;
  }

  /** Returns a sentence for each berth whose state changed since it was last drawn. */
  draw(rows, look) {
    const changes = [];
    const seen = new Set();
    let at = this.root.firstChild;
    for (const row of rows) {
      seen.add(row.key);
      let view = this.rows.get(row.key);
      if (!view) this.rows.set(row.key, view = new Row(`set-${++this.made}`));
      changes.push(...view.draw(row, look, this.open));
      if (view.node === at) at = at.nextSibling;
      else this.root.insertBefore(view.node, at);
    }
    for (const [key, view] of this.rows) {
      if (seen.has(key)) continue;
      view.node.remove();
      this.rows.delete(key);
    }
    return changes;
  }
}

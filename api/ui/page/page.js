// page.js - wires the dashboard: what the agent says goes in, what changed is drawn. Nothing is asked while nobody looks.
import {follow, pause, read} from './agent.js';
import {Harbour} from './berths.js';
import {Events} from './events.js';
import {claimOf, podOf, rowsOf, setOf, stateOf} from './harbour.js';
import {Host} from './host.js';
import {PodPanel} from './pod_panel.js';
import {ageElement, ago, count, element, glyph, refreshAges, say} from './words.js';

const DRAW = 60;        // milliseconds between a change and its picture: changes come in bunches
const ASK = 200;        // and until what depends on it is asked for
const MEASURE = 5000;
const AGES = 10000;
const MOST_SAID = 3;    // sentences at once for who listens

const id = (name) => document.getElementById(name);

const pods = new Map(), sets = new Map();
let claims = new Map(), sentences = new Map(), ailing = null;
const events = new Events(id('events'), id('events-note'));
const host = new Host(id('gauges'));
const look = {
  pod: (key) => pods.get(key), sentence: (key) => sentences.get(key) ?? '', claim: (key) => claims.get(key), memory: (key) => host.memory.get(key),
  events: (uid) => events.of(uid),
};
const panel = new PodPanel(look);
const harbour = new Harbour(id('sets'), (pod) => panel.open(pod));

/** Runs `work` once, `after` milliseconds from the first call on. */
function soon(work, after) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      work();
    }, after);
  };
}

const complete = {pods: false, sets: false};
const draw = soon(() => {
  const all = [...pods.values()];
  const wanted = id('filter').value.trim().toLowerCase();
  const rows = rowsOf(sets.values(), all).map((row) => (row.title.toLowerCase().includes(wanted) && row.kind !== 'Pod' ? row
    : {...row, berths: row.berths.filter((each) => each.name.toLowerCase().includes(wanted))})).filter((row) => !wanted || row.berths.length);
  const changes = harbour.draw(rows, look);
  if (changes.length) say(id('said'), changes.length <= MOST_SAID ? changes.join('. ') : `${changes.length} berths changed`);
  const known = complete.pods && complete.sets;
  id('no-sets').hidden = rows.length > 0 || !known;
  say(id('no-sets'), wanted ? 'No name contains that.' : 'Nothing lies here yet. A StatefulSet in a manifest makes berths.');
  panel.draw();
  if (!known) return;
  const tones = all.map((pod) => stateOf(pod).tone);
  const number = (tone) => tones.filter((each) => each === tone).length;
  const bound = [...claims.values()].filter((each) => each.phase === 'Bound').length;
  const entry = (name, value, tone) => element('div', {}, element('dt', {}, name), element('dd', {}, ...(tone ? [glyph(tone)] : []), value));
  id('tally').replaceChildren(
    entry('Sets', String(sets.size)), entry('Pods ready', `${number('well')} of ${all.length - number('done')}`, 'well'),
    ...(number('done') ? [entry('Completed', String(number('done')), 'done')] : []), entry('Claims bound', `${bound} of ${claims.size}`),
    ...(ailing === null ? [] : [entry('Not well', String(ailing.filter((each) => !each.warning).length), ailing.some((each) => toneOf(each) === 'failing') ? 'failing' : ailing.length ? 'starting' : 'done')]));
}, DRAW);
const drawEvents = soon(() => {
  events.draw();
  panel.draw();
}, 4 * DRAW);

/** A pod that is only on its way is no alarm. */
function toneOf(ailment) {
  if (ailment.warning) return 'starting';
  const pod = ailment.what === 'pod' ? pods.get(ailment.subject) : null;
  return pod ? stateOf(pod).tone : 'failing';
}

function drawAiling() {
  id('unwell').hidden = ailing.length === 0;
  const pictures = ailing.map((each) => JSON.stringify([each, toneOf(each)])).join();
  if (id('unwell-list').dataset.drawn === pictures) return;
  id('unwell-list').dataset.drawn = pictures;
  id('unwell-list').replaceChildren(...ailing.map((each) => element('li', {'data-tone': toneOf(each)}, glyph(toneOf(each)),
    element('span', {class: 'what quiet'}, each.warning ? `${each.what}, a warning` : each.what), element('strong', {}, each.subject),
    element('span', {class: 'sentence'}, each.sentence), element('span', {class: 'quiet'}, ...(each.since ? [ageElement(each.since)] : [])))));
}

/** What no watch tells, but follows from what watches tell: the sentences, and claims (each watch is one of the few connections a browser has). */
let watching = null;
const askAgain = soon(async () => {
  const signal = watching?.signal;
  if (!signal) return;
  try {
    const [unwell, list] = [await read('/berth/v1/ailments', {signal}), await read('/api/v1/persistentvolumeclaims', {signal})];
    ailing = unwell.items ?? [];
    sentences = new Map(ailing.filter((each) => each.what === 'pod').map((each) => [each.subject, each.sentence]));
    claims = new Map((list.items ?? []).map(claimOf).map((each) => [each.key, each]));
    drawAiling();
    draw();
  } catch (error) {
    if (!signal.aborted) trouble(error);
  }
}, ASK);

let linkTone = '';
function link(tone, text) {
  const node = id('link');
  if (tone !== linkTone || node.dataset.text !== text) {
    node.replaceChildren(glyph(tone), element('span', {}, text));
    node.dataset.tone = linkTone = tone;
    node.dataset.text = text;
  }
}
function trouble(error) {
  if (error.code === 401 || error.code === 403) link('failing', error.message);
  else link('failing', error.code ? `The agent says: ${error.message}` : 'The agent does not answer; trying again');
}

/** A collection into a map; what a new list no longer has is gone. */
function into(map, make, name, signal, path) {
  let fresh = new Map();
  let listed = false;
  return follow(path, {
    signal,
    begin: () => {
      fresh = new Map();
      listed = false;
    },
    take: (type, row) => {
      const one = make(row);
      const target = listed ? map : fresh;
      if (type === 'DELETED') target.delete(one.key);
      else target.set(one.key, one);
      if (listed) changed();
    },
    settled: () => {
      map.clear();
      for (const [key, value] of fresh) map.set(key, value);
      listed = true;
      complete[name] = true;
      link('well', 'Following');
      changed();
    },
    trouble,
  });
}
function changed() {
  draw();
  askAgain();
}

async function measure(signal) {
  while (!signal.aborted) {
    try {
      await host.measure(signal);
      const {status} = host;
      document.title = `${status.node} · berth`;
      say(id('host-name'), status.node ?? 'berth');
      say(id('host-line'), `berth ${status.version}${status.startedAt ? `, up ${ago(status.startedAt)}` : ''}${status.containerd?.version ? ` · ${status.containerd.version.replace('://', ' ')}` : ''}`);
      say(id('gauges-note'), 'Measured every five seconds while this page is in view, and kept as long as it is open.');
      askAgain();
      draw();
    } catch (error) {
      if (signal.aborted) return;
      say(id('gauges-note'), `Not measured: ${error.message}`);
    }
    await pause(MEASURE, signal);
  }
}

function start() {
  if (watching) return;
  watching = new AbortController();
  const {signal} = watching;
  into(pods, podOf, 'pods', signal, '/api/v1/pods');
  into(sets, setOf, 'sets', signal, '/apis/apps/v1/statefulsets');
  follow('/api/v1/events', {
    signal, begin: () => events.begin(), trouble,
    settled: () => {
      link('well', 'Following');
      drawEvents();
    },
    take: (type, row) => {
      events.take(type, row);
      drawEvents();
      // A claim has no watch of its own here: its events say that it changed.
      if (row.object.involvedObject?.kind === 'PersistentVolumeClaim') askAgain();
    },
  });
  measure(signal);
  panel.resume();
}

function stop() {
  watching?.abort();
  watching = null;
  panel.stop();
  link('empty', 'Resting while the page is out of sight');
}

id('filter').addEventListener('input', draw);
id('warnings-only').addEventListener('change', (event) => {
  events.warningsOnly = event.target.checked;
  events.draw();
});
document.addEventListener('visibilitychange', () => (document.hidden ? stop() : start()));
setInterval(() => { if (watching) refreshAges(); }, AGES);
if (document.hidden) stop();
else start();
